"""Format and encoding by the client's headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.negotiation import Format, accepts_gzip, chosen_format

PROMETHEUS_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
PROMETHEUS_2 += "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
PROMETHEUS_3 += "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
PROMETHEUS_3 += "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
NATIVE_HISTOGRAMS = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
NATIVE_HISTOGRAMS += "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.6,*/*;q=0.5"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", Format.TEXT_0, id="no-header"),
        pytest.param("*/*", Format.TEXT_0, id="curl"),
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.TEXT_0, id="browser"),
        pytest.param(PROMETHEUS_2, Format.OPENMETRICS, id="prometheus-2"),
        pytest.param(PROMETHEUS_3, Format.OPENMETRICS, id="prometheus-3"),
        pytest.param(NATIVE_HISTOGRAMS, Format.OPENMETRICS, id="prometheus-with-protobuf"),
        pytest.param("text/plain", Format.TEXT_0, id="text-without-version"),
        pytest.param("text/plain;version=1.0.0", Format.TEXT_1, id="text-1"),
        pytest.param("text/*", Format.TEXT_0, id="any-text"),
        pytest.param("application/openmetrics-text", Format.OPENMETRICS, id="openmetrics-without-version"),
        pytest.param("Application/OpenMetrics-Text; Version=1.0.0", Format.OPENMETRICS, id="case-and-spaces"),
        pytest.param("application/*", Format.OPENMETRICS, id="any-application"),
        pytest.param("application/openmetrics-text;version=0.0.1", Format.TEXT_0, id="openmetrics-too-old"),
        pytest.param("application/openmetrics-text;version=2.0.0,*/*;q=0.1", Format.TEXT_0, id="openmetrics-too-new"),
        pytest.param("application/json", Format.TEXT_0, id="nothing-we-have"),
        pytest.param("text/plain,application/openmetrics-text", Format.OPENMETRICS, id="equal-weights"),
        pytest.param("text/plain,application/openmetrics-text;q=0.9", Format.TEXT_0, id="text-preferred"),
        pytest.param(
            "text/plain;q=0.2,application/openmetrics-text;q=0.9", Format.OPENMETRICS, id="order-is-no-weight"
        ),
        pytest.param("text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4", Format.TEXT_0, id="older-preferred"),
        pytest.param("text/plain;version=0.0.4,text/plain;version=1.0.0", Format.TEXT_1, id="equal-versions"),
        pytest.param("application/openmetrics-text;q=0,*/*", Format.TEXT_0, id="anything-but-openmetrics"),
        pytest.param("text/plain;q=0,*/*", Format.OPENMETRICS, id="anything-but-text"),
        pytest.param("*/*;q=0", Format.TEXT_0, id="nothing-at-all"),
        pytest.param("*/*, application/openmetrics-text;q=0.5", Format.TEXT_0, id="exact-weight-before-anything"),
        pytest.param("application/openmetrics-text;q=high,text/plain;q=0.1", Format.TEXT_0, id="weight-is-no-number"),
        pytest.param("application/openmetrics-text;q=nan,text/plain;q=0.1", Format.TEXT_0, id="weight-is-nan"),
        pytest.param(",;,application/openmetrics-text;;", Format.OPENMETRICS, id="empty-elements"),
    ],
)
def test_the_format_follows_the_weights(accept: str, expected: Format) -> None:
    assert chosen_format(accept) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("", False, id="no-header"),
        pytest.param("gzip", True, id="gzip"),
        pytest.param("GZIP", True, id="case"),
        pytest.param("gzip, deflate, br, zstd", True, id="browser"),
        pytest.param("x-gzip", True, id="old-name"),
        pytest.param("*", True, id="anything"),
        pytest.param("deflate", False, id="other"),
        pytest.param("identity", False, id="identity"),
        pytest.param("gzip;q=0", False, id="forbidden"),
        pytest.param("gzip;q=0, *", False, id="anything-but-gzip"),
        pytest.param("gzip;q=0.5, identity", False, id="identity-preferred"),
        pytest.param("gzip;q=0.5, identity;q=0.5", True, id="equal"),
        pytest.param("gzip;q=0.001", True, id="a-little"),
        pytest.param("*;q=0", False, id="nothing"),
        pytest.param("gzip;q=2", False, id="weight-out-of-range"),
    ],
)
def test_gzip_is_chosen_where_it_is_liked_no_less(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected


@given(st.text())
def test_no_header_is_too_strange(header: str) -> None:
    assert chosen_format(header) in Format
    assert accepts_gzip(header) in (True, False)
