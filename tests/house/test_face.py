"""What a Python prompt shows of archlang."""

import pytest

import archlang


def test_dir_lists_the_public_names() -> None:
    assert dir(archlang) == sorted(archlang.__all__)
    assert all(hasattr(archlang, name) for name in dir(archlang))


def test_a_net_and_its_report_are_shown_in_one_line() -> None:
    net = archlang.load("resnet18")
    assert repr(net) == "<Net resnet18: 69 operators, output 1000>"
    assert repr(net.report(batch=2)) == (
        "<Report of resnet18, batch 2, eval: 69 layers, 11,689,512 parameters, 3,628,146,688 MACs>"
    )


@pytest.mark.parametrize("value", ["a b", "", "(", "1 2"])
def test_a_setting_that_is_no_value_says_what_to_write(value: str) -> None:
    with pytest.raises(archlang.CallError, match=r"^`classes=.*`: write one value, such as 10") as told:
        archlang.load("lenet5", classes=value)
    assert "let" not in str(told.value)
