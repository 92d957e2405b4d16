"""What the keys of a be keyboard type. Made by script/layouts of xkb's be."""

PLAIN = "&é\"'(§è!çà)-azertyuiop\u0302$qsdfghjklmù²µwxcvbn,;:=<  "
SHIFT = "1234567890°_AZERTYUIOP\u0308*QSDFGHJKLM%³£WXCVBN?./+>  "
ALTGR = "|@#¼½^{[{}\\ @ €¶    œþ[]æßð       \u0301¬\u0300«»¢„“” •·\u0303\\  "
SHIFT_ALTGR = "¡ £$   ™±°¿  §¢® ¥  ŒÞ  Æ Ðª   &     <>©‚‘’º×÷    "
CAPS = "xxxxxxxxxxxxxxxxxxxxxx xxxxxxxxxxxx xxxxxxxxxxx   "
COMPOSED: dict[str, str] = {
    "\u0300": "`AÀEÈIÌOÒUÙaàeèiìoòuù",
    "\u0301": "´AÁEÉIÍOÓUÚYÝaáeéiíoóuúyý",
    "\u0302": "^AÂEÊIÎOÔUÛaâeêiîoôuû",
    "\u0303": "~AÃNÑOÕaãnñoõ",
    "\u0308": "¨AÄEËIÏOÖUÜYŸaäeëiïoöuüyÿ",
}
ANSI = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
OEM = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0"
