#!/bin/bash -e
# The root folder of the stage before, to go on with.
if [ ! -d "${ROOTFS_DIR}" ]; then
    copy_previous
fi
