"""The regions that are known, and the domains of their services (.github/API.md, section 7)."""

from collections.abc import Mapping

from modelarts_export.quoting import did_you_mean

DEFAULT_DOMAIN = "myhuaweicloud.com"
_OF_DEFAULT_DOMAIN = """
    cn-north-1 cn-north-2 cn-north-4 cn-north-9 cn-north-11 cn-north-12 cn-east-3 cn-east-4 cn-south-1
    cn-southwest-2 cn-southwest-3 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 af-south-1
    af-north-1 la-north-2 la-south-2 sa-brazil-1 me-east-1 tr-west-1
"""
REGIONS: Mapping[str, str] = {
    **{region: f"{region}.{DEFAULT_DOMAIN}" for region in _OF_DEFAULT_DOMAIN.split()},
    "eu-de": "eu-de.otc.t-systems.com",
    "eu-west-101": "eu-west-101.myhuaweicloud.eu",
}
"""The regions with ModelArts, each with the domain below which its services are."""


def describe_unknown(region: str) -> str:
    """Return what is to be said of a region that is not in REGIONS, with the nearest one; else nothing."""
    if region in REGIONS:
        return ""
    return f"is not a known region of ModelArts{did_you_mean(region, REGIONS)}"


def get_domain(region: str) -> str:
    """Return the domain of the services of a region, known or not."""
    return REGIONS.get(region, f"{region}.{DEFAULT_DOMAIN}")
