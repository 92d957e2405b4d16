"""The device's link to its hub, in the conventions of Azure IoT Hub; which hub it is, it neither knows nor asks.

`way` is how to get there, `carriers` which one is next, and `calling` dials it; `connection` is one of MQTT,
`session` what happens on it: `outgoing` the records, of which `window` are under way, `twin` the heartbeat by
the rhythm of `pulse`. `returning` is when to dial again, `doubting` which record the hub may be dying of.
"""
