"""What the keys of a pt keyboard type. Made by script/layouts of xkb's pt."""

PLAIN = "1234567890'«qwertyuiop+\u0301asdfghjklçº\\\u0303zxcvbnm,.-<  "
SHIFT = '!"#$%&/()=?»QWERTYUIOP*\u0300ASDFGHJKLÇª|\u0302ZXCVBNM;:_>  '
ALTGR = "¹@£§½¬{[]}\\ @ €¶    øþ\u0308 æßð        ¬ «»¢„“”µ•· \\  "
SHIFT_ALTGR = "¡      ™±°¿  §¢® ¥  ØÞ  Æ Ðª   &     <>©‚‘’º×÷    "
CAPS = "            xxxxxxxxxx  xxxxxxxxxx   xxxxxxx      "
COMPOSED: dict[str, str] = {
    "\u0300": "`AÀEÈIÌOÒUÙaàeèiìoòuù",
    "\u0301": "´AÁEÉIÍOÓUÚYÝaáeéiíoóuúyý",
    "\u0302": "^AÂEÊIÎOÔUÛaâeêiîoôuû",
    "\u0303": "~AÃNÑOÕaãnñoõ",
    "\u0308": "¨AÄEËIÏOÖUÜYŸaäeëiïoöuüyÿ",
}
ANSI = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
OEM = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0"
