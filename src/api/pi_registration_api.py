"""The import path that the deployment guide prints; the blueprint itself lives in `pi_auto.server`."""  # noqa: INP001 - the guide's path: `src` must stay a folder, for the packages in it are installed

from pi_auto.server import pi_api

__all__ = ["pi_api"]
