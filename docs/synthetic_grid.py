"""Print a made-up year of hourly intensities, for trying `edgekit when` without any data. No grid on earth is this one."""

import math
from datetime import UTC, datetime, timedelta

print("timestamp,intensity gCO2e/kWh")
for hour in range(8760):
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    day = hour // 24
    sun = 90 * math.exp(-(((at.hour - 12) / 3.5) ** 2)) * (0.7 - 0.3 * math.cos(day / 365 * 2 * math.pi)) * (1 + math.sin(day * 2.4)) / 2
    evening = 50 * math.exp(-(((at.hour - 18.5) / 2.2) ** 2))
    wind = 60 * math.sin(hour / 37) * math.sin(hour / 101)
    print(f"{at:%Y-%m-%dT%H:%MZ},{260 - sun + evening - wind:.0f}")
