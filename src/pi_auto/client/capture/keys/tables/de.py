"""What the keys of a de keyboard type. Made by script/layouts of xkb's de."""

PLAIN = "1234567890ß\u0301qwertzuiopü+asdfghjklöä\u0302#yxcvbnm,.-<  "
SHIFT = "!\"§$%&/()=?\u0300QWERTZUIOPÜ*ASDFGHJKLÖÄ°'YXCVBNM;:_>  "
ALTGR = "¹²³¼½¬{[]}\\ @ €¶    øþ ~æ ð         ’»«¢„“”µ·…–|  "
SHIFT_ALTGR = "¡ £¤   ™±°¿  § ® ¥  ØÞ ¯Æ Ðª   &     ›‹©‚‘’º×÷—   "
CAPS = "xxxxxxxxxxx xxxxxxxxxxxxxxxxxxxxxxx xxxxxxxxxx    "
COMPOSED: dict[str, str] = {
    "\u0300": "`AÀEÈIÌOÒUÙaàeèiìoòuù",
    "\u0301": "´AÁEÉIÍOÓUÚYÝaáeéiíoóuúyý",
    "\u0302": "^AÂEÊIÎOÔUÛaâeêiîoôuû",
}
ANSI = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
OEM = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0"
