"""The hub's service side: what Azure IoT Hub offers by HTTPS, for its registry, twins, methods and messages."""
