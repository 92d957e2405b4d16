"""The header's lines: what is said to the kernel is what <linux/gpio.h> says, and what cannot be had is named."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pi_auto.client.capture.signals import gpio
from pi_auto.client.capture.signals.gpio import Chip, GpioLamp, choose, header_of, lamps_on

HEADER = Path("/usr/include/linux/gpio.h")
# In C, and here; figures that can be read in the published header as well.
FIGURES = {
    "sizeof(struct gpiochip_info)": (gpio.CHIP_INFO.size, 68),
    "sizeof(struct gpio_v2_line_request)": (gpio.LINE_REQUEST.size, 592),
    "sizeof(struct gpio_v2_line_values)": (gpio.LINE_VALUES.size, 16),
    "GPIO_GET_CHIPINFO_IOCTL": (gpio.GET_CHIP_INFO, 0x8044B401),
    "GPIO_V2_GET_LINE_IOCTL": (gpio.GET_LINE, 0xC250B407),
    "GPIO_V2_LINE_SET_VALUES_IOCTL": (gpio.SET_VALUES, 0xC010B40F),
}
PROGRAM = """
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/gpio.h>
int main(void) {
    %s
    struct gpio_v2_line_request request;
    memset(&request, 0, sizeof request);
    request.offsets[0] = 17;
    strcpy(request.consumer, "pi-auto-client");
    request.config.flags = GPIO_V2_LINE_FLAG_OUTPUT;
    request.num_lines = 1;
    request.fd = 0;
    fwrite(&request, sizeof request, 1, stdout);
    request.fd = 5;
    fwrite(&request, sizeof request, 1, stdout);
    return 0;
}
"""


@pytest.mark.parametrize("what", FIGURES)
def test_sizes_and_numbers_are_the_published_ones(what: str) -> None:
    ours, published = FIGURES[what]
    assert ours == published


@pytest.mark.skipif(not (shutil.which("cc") and HEADER.exists()), reason="needs a C compiler and linux/gpio.h")
def test_they_are_those_of_this_machines_header_to_the_byte(tmp_path: Path) -> None:
    told = "\n".join(f'printf("%llu\\n", (unsigned long long)({what}));' for what in FIGURES)
    (tmp_path / "told.c").write_text(PROGRAM % told)
    subprocess.run(["cc", "-o", tmp_path / "told", tmp_path / "told.c"], check=True)
    said = subprocess.run([tmp_path / "told"], check=True, capture_output=True).stdout
    *lines, octets = said.split(b"\n", len(FIGURES))
    assert [int(line) for line in lines] == [ours for ours, _ in FIGURES.values()]
    assert octets[:592] == gpio.packed_request(17)
    assert gpio.LINE_REQUEST.unpack(octets[592:])[-1] == 5


def chip(label: str, lines: int) -> Chip:
    return Chip(Path(f"/dev/{label}"), label, lines)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ([], None),
        ([chip("raspberrypi-exp-gpio", 8), chip("pinctrl-bcm2835", 54)], "pinctrl-bcm2835"),
        ([chip("pinctrl-bcm2711", 58), chip("raspberrypi-exp-gpio", 8)], "pinctrl-bcm2711"),
        ([chip("gpio-brcmstb", 64), chip("pinctrl-rp1", 54)], "pinctrl-rp1"),
        ([chip("small", 8), chip("large", 32)], "large"),
    ],
)
def test_the_chip_of_the_header_is_found_by_its_name_else_by_its_size(
    found: list[Chip], chosen: str | None
) -> None:
    told = choose(found)
    assert (told and told.label) == chosen


def test_two_roles_on_one_line_are_one_lamp() -> None:
    lamps = lamps_on({"stored": 17, "trouble": 22, "lost": 22})
    assert [(lamp.name, set(lamp.roles)) for lamp in lamps] == [
        ("GPIO 17 (stored)", {"stored"}),
        ("GPIO 22 (lost, trouble)", {"lost", "trouble"}),
    ]


def test_a_machine_without_a_chip_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no GPIO chip"):
        header_of(tmp_path)


def test_what_is_no_chip_is_named(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    with pytest.raises(OSError, match="ioctl"):
        GpioLamp(17, ["stored"], tmp_path).open()


def test_a_lamp_that_was_never_lit_closes(tmp_path: Path) -> None:
    GpioLamp(17, ["stored"], tmp_path).close()
