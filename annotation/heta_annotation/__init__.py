"""Human labels through Label Studio: local servers, campaigns, push and pull."""

__all__: list[str] = []
