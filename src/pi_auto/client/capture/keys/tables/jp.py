"""What the keys of a jp keyboard type. Made by script/layouts of xkb's jp."""

PLAIN = "1234567890-^qwertyuiop@[asdfghjkl;: ]zxcvbnm,./ \\\\"
SHIFT = "!\"#$%&'() =~QWERTYUIOP`{ASDFGHJKL+* }ZXCVBNM<>? _|"
ALTGR = "                                                  "
SHIFT_ALTGR = "                                                  "
CAPS = "            xxxxxxxxxx  xxxxxxxxx    xxxxxxx      "
COMPOSED: dict[str, str] = {}
ANSI = "\u0080��������������������������������｡｢｣､･ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ��������������������������������"
OEM = "\u0080��������������������������������｡｢｣､･ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ��������������������������������"
