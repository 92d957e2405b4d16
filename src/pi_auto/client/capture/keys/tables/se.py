"""What the keys of a se keyboard type. Made by script/layouts of xkb's se."""

PLAIN = "1234567890+\u0301qwertyuiopå\u0308asdfghjklöä§'zxcvbnm,.-<  "
SHIFT = '!"#¤%&/()=?\u0300QWERTYUIOPÅ\u0302ASDFGHJKLÖÄ½*ZXCVBNM;:_>  '
ALTGR = "¡@£$€¥{[]}\\±@ €®þ   œþ \u0303ªßð      øæ¶´«»©„“”µ · |  "
SHIFT_ALTGR = "¹²³¼¢ ÷«»°¿¬ §¢ Þ¥  ŒÞ  º Ðª   & ØÆ¾×<> ‚‘’º   ¦  "
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
