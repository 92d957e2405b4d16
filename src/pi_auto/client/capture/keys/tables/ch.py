"""What the keys of a ch keyboard type. Made by script/layouts of xkb's ch."""

PLAIN = "1234567890'\u0302qwertzuiopü\u0308asdfghjklöä§$yxcvbnm,.-<  "
SHIFT = '+"*ç%&/()=?\u0300QWERTZUIOPè!ASDFGHJKLéà°£YXCVBNM;:_>  '
ALTGR = "|@#¼½¬|¢]}\u0301\u0303@ €¶    œþ[]æßð       {¬}«»¢„“”µ•· \\  "
SHIFT_ALTGR = "¡ £$   ™±°¿  § ® ¥  ŒÞ  Æ Ðª   &     <>©‚‘’º×÷ ¦  "
CAPS = "            xxxxxxxxxx  xxxxxxxxx    xxxxxxx      "
COMPOSED: dict[str, str] = {
    "\u0300": "`AÀEÈIÌOÒUÙaàeèiìoòuù",
    "\u0301": "´AÁEÉIÍOÓUÚYÝaáeéiíoóuúyý",
    "\u0302": "^AÂEÊIÎOÔUÛaâeêiîoôuû",
    "\u0303": "~AÃNÑOÕaãnñoõ",
    "\u0308": "¨AÄEËIÏOÖUÜYŸaäeëiïoöuüyÿ",
}
ANSI = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
OEM = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0"
