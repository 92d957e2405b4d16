"""What the keys of a fr keyboard type. Made by script/layouts of xkb's fr(azerty)."""

PLAIN = "&é\"'(-è_çà)=azertyuiop\u0302$qsdfghjklmù²*wxcvbn,;:!<  "
SHIFT = "1234567890°+AZERTYUIOP\u0308£QSDFGHJKLM% µWXCVBN?./§>  "
ALTGR = " \u0303#{[|\u0300\\^@]}  €        ¤                       |  "
SHIFT_ALTGR = "                                               ¦  "
CAPS = "xxxxxxxxxxxxxxxxxxxxxx xxxxxxxxxxxx xxxxxxxxxxx   "
COMPOSED: dict[str, str] = {
    "\u0300": "`AÀEÈIÌOÒUÙaàeèiìoòuù",
    "\u0302": "^AÂEÊIÎOÔUÛaâeêiîoôuû",
    "\u0303": "~AÃNÑOÕaãnñoõ",
    "\u0308": "¨AÄEËIÏOÖUÜYŸaäeëiïoöuüyÿ",
}
ANSI = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
OEM = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0"
