"""What the keys of a pl keyboard type. Made by script/layouts of xkb's pl."""

PLAIN = "1234567890-=qwertyuiop[]asdfghjkl;'`\\zxcvbnm,./<  "
SHIFT = '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"\u0303|ZXCVBNM<>?>  '
ALTGR = "    € §·«»–   ę©ß € ó   ąś   ’ …ł  ¬ żźć„”ńµ   |  "
SHIFT_ALTGR = "    ‰   ±°—   Ę®™   Ó   ĄŚ   •  Ł    ŻŹĆ‘“Ń ×÷ ¦  "
CAPS = "            xxxxxxxxxx  xxxxxxxxx    xxxxxxx      "
COMPOSED: dict[str, str] = {
    "\u0303": "~aąAĄcćCĆeęEĘlłLŁnńNŃoóOÓsśSŚxźXŹzżZŻ",
}
ANSI = "€\u0081‚\u0083„…†‡\u0088‰Š‹ŚŤŽŹ\u0090‘’“”•–—\u0098™š›śťžź\u00a0ˇ˘Ł¤Ą¦§¨©Ş«¬\u00ad®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙"
OEM = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u00ad˝˛ˇ˘§÷¸°¨˙űŘř■\u00a0"
