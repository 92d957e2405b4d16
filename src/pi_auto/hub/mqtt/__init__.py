"""The subset of MQTT 3.1.1 that Azure IoT Hub speaks, as a pure codec: bytes in, packets out, and back."""
