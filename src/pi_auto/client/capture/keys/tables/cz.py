"""What the keys of a cz keyboard type. Made by script/layouts of xkb's cz."""

PLAIN = "+ěščřžýáíé=\u0301qwertzuiopú)asdfghjklů§;\u0308yxcvbnm,.-\\  "
SHIFT = "1234567890%\u030cQWERTZUIOP/(ASDFGHJKL\"!\u030a'YXCVBNM?:_|  "
ALTGR = "~\u030c\u0302\u0306\u030a\u0328\u0300\u0307\u0301\u030b\u0308\u0327\\|€¶      ÷×~đĐ[]`'łŁ$ß`¤°#&@{}^<>*/  "
SHIFT_ALTGR = "             § ®      ÷×       &  ß~|<>©‚‘’ ×÷ ¦  "
CAPS = "            xxxxxxxxxx  xxxxxxxxx    xxxxxxx      "
COMPOSED: dict[str, str] = {
    "\u0300": "`",
    "\u0301": "´AÁCĆEÉIÍLĹNŃOÓRŔSŚUÚYÝZŹaácćeéiílĺnńoórŕsśuúyýzź",
    "\u0302": "^AÂIÎOÔaâiîoô",
    "\u0306": "˘AĂaă",
    "\u0307": "˙ZŻzż",
    "\u0308": "¨AÄEËOÖUÜaäeëoöuü",
    "\u030a": "°UŮuů",
    "\u030b": "˝OŐUŰoőuű",
    "\u030c": "ˇCČDĎEĚLĽNŇRŘSŠTŤZŽcčdďeělľnňrřsštťzž",
    "\u0327": "¸CÇSŞTŢcçsştţ",
    "\u0328": "˛AĄEĘaąeę",
}
ANSI = "€\u0081‚\u0083„…†‡\u0088‰Š‹ŚŤŽŹ\u0090‘’“”•–—\u0098™š›śťžź\u00a0ˇ˘Ł¤Ą¦§¨©Ş«¬\u00ad®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙"
OEM = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u00ad˝˛ˇ˘§÷¸°¨˙űŘř■\u00a0"
