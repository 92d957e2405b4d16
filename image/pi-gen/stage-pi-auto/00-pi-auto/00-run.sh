#!/bin/bash -e
# Puts the client in. PI_AUTO_SOURCE is a working copy of this project, PI_AUTO_IMAGE_OPTIONS what script/image is to be
# told besides; both are set and exported in pi-gen's config.
# shellcheck disable=SC2086 # a list of options
"${PI_AUTO_SOURCE}/script/image" --tree "${ROOTFS_DIR}" ${PI_AUTO_IMAGE_OPTIONS}
