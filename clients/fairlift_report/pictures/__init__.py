"""Pictures of a report as SVG: Vega-Lite describes them, vl-convert draws them."""
