"""What the keys of a no keyboard type. Made by script/layouts of xkb's no(winkeys)."""

PLAIN = "1234567890+\\qwertyuiopå\u0308asdfghjkløæ|'zxcvbnm,.-<  "
SHIFT = '!"#¤%&/()=?\u0300QWERTYUIOPÅ\u0302ASDFGHJKLØÆ§*ZXCVBNM;:_>  '
ALTGR = "¡@£$€¥{[]}±\u0301@ €®þ   œ  \u0303ªßð        ¦ «»©„“”µ …–½  "
SHIFT_ALTGR = "¹²³¼‰ ÷«»°¿¬ §¢™Þ¥  Œ   º Ðª   &   ¶×<> ‚‘’º ·—¾  "
CAPS = "            xxxxxxxxxxx xxxxxxxxxxx  xxxxxxx      "
COMPOSED: dict[str, str] = {
    "\u0300": "`AÀEÈIÌOÒUÙaàeèiìoòuù",
    "\u0301": "´AÁEÉIÍOÓUÚYÝaáeéiíoóuúyý",
    "\u0302": "^AÂEÊIÎOÔUÛaâeêiîoôuû",
    "\u0303": "~AÃNÑOÕaãnñoõ",
    "\u0308": "¨AÄEËIÏOÖUÜYŸaäeëiïoöuüyÿ",
}
ANSI = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
OEM = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0"
