"""The demo's queries are answered as Prometheus would answer them."""

import pytest

from tests.demo.query import results
from tests.running import Scrape

SCRAPE = Scrape.of(
    'mailprobe_success{host="a",port="25"} 1\n'
    'mailprobe_success{host="a",port="587"} 0\n'
    'mailprobe_success{host="b",port="25"} 0\n'
    'mailprobe_end{host="a",port="25"} 1500\n'
    'mailprobe_end{host="a",port="587"} 3000\n'
    'mailprobe_open{host="a"} 1\n'
    'mailprobe_open{host="b"} 2\n'
    'mailprobe_probed{host="a"} 2\n'
    'mailprobe_probed{host="b"} 2\n'
)


@pytest.mark.parametrize(
    ("query", "places"),
    [
        pytest.param('mailprobe_success{host="a"}', ["a 25", "a 587"], id="all that match"),
        pytest.param('mailprobe_success{host=~"a|b", port="25"}', ["a 25", "b 25"], id="by a pattern"),
        pytest.param('mailprobe_success{host=~"a|b"} == 0', ["a 587", "b 25"], id="of a value"),
        pytest.param('mailprobe_success{host="c"} == 0', [], id="of nobody"),
        pytest.param('mailprobe_end{host="a"} - time() < 10 * 60', ["a 25"], id="soon"),
        pytest.param('mailprobe_end{host="a"} > 2', ["a 25", "a 587"], id="more than a number"),
        pytest.param('mailprobe_open{host=~"a|b"} < mailprobe_probed{host=~"a|b"}', ["a "], id="less than its partner"),
        pytest.param('mailprobe_open{host="a"} < mailprobe_end{host="a"}', [], id="without a partner"),
    ],
)
def test_a_query_results_in_the_series_for_which_it_holds(query: str, places: list[str]) -> None:
    assert [f"{has['host']} {has.get('port', '')}" for has in results(query, SCRAPE, 1000.0)] == places


@pytest.mark.parametrize("query", ["up", "sum(mailprobe_open)", 'mailprobe_open{host="a"} >= 1'])
def test_a_query_of_another_shape_is_refused(query: str) -> None:
    with pytest.raises(AssertionError, match="another shape"):
        results(query, SCRAPE, 1000.0)
