"""The look of the HTML report."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--ink:#1c2128;--dim:#5b6570;--paper:#fff;--panel:#f4f5f7;--line:#d8dce1;--accent:#1f6feb;
--good:#1a7f4b;--fair:#9a6700;--poor:#c0322b;--page:#fff;--pageink:#222}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--dim:#98a3ae;--paper:#12161b;--panel:#1b2128;--line:#323a44;
--accent:#5aa2ff;--good:#4cc38a;--fair:#e0b13f;--poor:#ff7b72;--page:#f7f6f2;--pageink:#222}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}h1{font-size:24px;margin:0 0 4px}
h2{font-size:18px;margin:36px 0 10px}header p,.card p,small{color:var(--dim)}header p{margin:0 0 20px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:10px}
.card{background:var(--panel);border-radius:8px;padding:12px 14px;border-left:4px solid var(--line)}
.card b{font-size:24px;font-variant-numeric:tabular-nums}.card span{color:var(--dim);font-size:12px;display:block}
.card h3{font-size:14px;margin:2px 0}.card p{font-size:12px;margin:0}
.card.good{border-color:var(--good)}.card.fair{border-color:var(--fair)}.card.poor{border-color:var(--poor)}
table{border-collapse:collapse;width:100%}th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:left;
vertical-align:top;font-weight:400}thead th{color:var(--dim);font-size:13px}.n{text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}.wide{overflow-x:auto}code{font:13px ui-monospace,Consolas,monospace;
overflow-wrap:anywhere}.bar{width:180px}.bar i{display:block;height:10px;margin-top:7px;border-radius:5px;
background:linear-gradient(90deg,var(--tone,var(--accent)) var(--full),var(--line) var(--full))}
.bar.good{--tone:var(--good)}.bar.fair{--tone:var(--fair)}.bar.poor{--tone:var(--poor)}.zero{color:var(--line)}
.side{display:grid;grid-template-columns:minmax(280px,360px) 1fr;gap:20px;
align-items:start}@media (max-width:760px){.side{grid-template-columns:1fr}}
details{border:1px solid var(--line);border-radius:8px;margin:8px 0;padding:0 12px}
summary{cursor:pointer;padding:10px 0}
summary span{font-weight:600;overflow-wrap:anywhere}em{color:var(--poor);font-style:normal;font-weight:600}
.wrong td{max-width:240px;overflow-wrap:anywhere}
.wrong td:first-child{min-width:150px}.wrong td:last-child{width:44%;max-width:none}.none{color:var(--dim)}
svg text{font-family:system-ui,"Noto Sans",sans-serif}.snippet{display:block;width:480px;max-width:100%;height:auto;
background:var(--page);border:1px solid var(--line);border-radius:4px}.snippet text{fill:var(--pageink)}
.given{fill:#f5c04255;stroke:#c98a00}.wanted{fill:none;stroke:#1a7f4b;stroke-dasharray:4 2}
.plot{width:100%;height:auto}.plot text{fill:var(--dim);font-size:11px}.plot line{stroke:var(--line)}
.plot .ideal{stroke:var(--dim);stroke-dasharray:4 4}.plot rect{fill:var(--accent)}.plot .in{fill:#fff}
""".strip()
