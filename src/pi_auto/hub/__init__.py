"""A local Azure IoT Hub: the same MQTT conventions, for sites and tests without a cloud.

Devices come in over MQTT, the fleet server over a Unix socket. What a device was told is
stored (PUBACK, twin 204) is on disk by then. Imports nothing of client or server.
"""
