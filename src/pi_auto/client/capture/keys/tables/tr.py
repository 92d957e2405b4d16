"""What the keys of a tr keyboard type. Made by script/layouts of xkb's tr."""

PLAIN = '1234567890*-qwertyuıopğüasdfghjklşi",zxcvbnmöç.<  '
SHIFT = "!'\u0302+%&/()=?_QWERTYUIOPĞÜASDFGHJKLŞİé;ZXCVBNMÖÇ:>  "
ALTGR = ">£#$½¾{[]}\\|@ €¶  ûiô \u0308\u0303æß ª     \u0301'<\u0300«»¢„“”µ×· |  "
SHIFT_ALTGR = "¡²³¼    ±°¿    ® ¥ÛİÔ   Æ          ° <>©‚‘’º ÷ ¦  "
CAPS = "            xxxxxxxxxxxxxxxxxxxxxxx  xxxxxxxxx    "
COMPOSED: dict[str, str] = {
    "\u0300": "`AÀEÈIÌOÒUÙaàeèiìoòuùİÌıì",
    "\u0301": "´AÁEÉIÍOÓUÚaáeéiíoóuúİÍıí",
    "\u0302": "^AÂEÊIÎOÔUÛaâeêiîoôuûİÎıî",
    "\u0303": "~AÃNÑOÕaãnñoõ",
    "\u0308": "¨AÄEËIÏOÖUÜYŸaäeëiïoöuüyÿİÏıï",
}
ANSI = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008d\u008e\u008f\u0090‘’“”•–—˜™š›œ\u009d\u009eŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ"
OEM = "ÇüéâäàåçêëèïîıÄÅÉæÆôöòûùİÖÜø£ØŞşáíóúñÑĞğ¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ºªÊËÈ�ÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµ�×ÚÛÙìÿ¯´\u00ad±�¾¶§÷¸°¨·¹³²■\u00a0"
