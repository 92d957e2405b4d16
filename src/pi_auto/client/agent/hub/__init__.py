"""The device's link to its hub, in the conventions of Azure IoT Hub; which hub it is, it neither knows nor asks.

`connection` is one MQTT connection, `window` what is under way on it, `pulse` the
heartbeat's rhythm, `session` what happens from CONNECT to DISCONNECT.
"""
