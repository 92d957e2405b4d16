"""What the keys of a gb keyboard type. Made by script/layouts of xkb's gb."""

PLAIN = "1234567890-=qwertyuiop[]asdfghjkl;'`#zxcvbnm,./\\  "
SHIFT = '!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@¬~ZXCVBNM<>?|  '
ALTGR = "¹²³€½¾{[]}\\ @ é¶  úíóþ  áßð        ¦ «»¢„“”µ•· |  "
SHIFT_ALTGR = "¡  ¼   ™±°¿  §É® ¥ÚÍÓÞ  Á Ðª   &     <>©‚‘’º×÷ ¦  "
CAPS = "            xxxxxxxxxx  xxxxxxxxx    xxxxxxx      "
COMPOSED: dict[str, str] = {}
ANSI = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
OEM = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0"
