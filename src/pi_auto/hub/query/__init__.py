"""The query language of Azure IoT Hub over devices and their twins: lexer, parser, evaluation. Pure."""
