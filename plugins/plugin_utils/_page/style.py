# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the page looks: by day, by night, on a phone and on paper. Pure and private."""

from __future__ import annotations

# No font, picture or sheet from elsewhere; every pair of text and ground has a contrast of 4.5 or more.
STYLE = """
:root{color-scheme:light dark;--ground:#f5f6f8;--card:#fff;--text:#1d232a;--soft:#57616c;--edge:#dde2e8;
--well:#f0f2f5;
--good:#1b6b3f;--bad:#b0241c;--bad-ground:#fdf1ef;--open:#6b5200;--blue:#2a5c9e;--fill:#5b84b8;--near:#b27a14;
--over:#c2392f}
@media (prefers-color-scheme:dark){:root{--ground:#12161a;--card:#1b2026;--text:#e4e8ec;--soft:#a3adb8;--edge:#313941;
--well:#252c33;--good:#74cf9a;--bad:#ff9389;--bad-ground:#2f1f20;--open:#e3bd62;--blue:#8fb8f0;--fill:#6f9bd1;
--near:#d9a03c;--over:#ee6a5f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",
"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%;overflow-wrap:anywhere}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.5rem}
body>header{padding-top:2.5rem}
h1{font-size:1rem;font-weight:500;color:var(--soft);margin:0}
.sum{font-size:1.75rem;line-height:1.25;font-weight:650;margin:.25rem 0 0;letter-spacing:-.01em}
h2{font-size:1.25rem;line-height:1.3;margin:0}
h3{font-size:.8125rem;font-weight:650;color:var(--soft);margin:0 0 .75rem}
h4{font-size:1rem;font-weight:600;margin:0}
p{margin:.25rem 0}
a{color:var(--blue);text-underline-offset:.15em}
a:focus-visible{outline:2px solid var(--blue);outline-offset:2px;border-radius:2px}
code{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.soft{color:var(--soft);font-size:.875rem}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}
.card{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:1.5rem;margin:1.5rem 0}
.ill{border-color:var(--bad)}
.top{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline;justify-content:space-between;padding:0}
.state{font-weight:600;margin:0}
table{border-collapse:collapse;table-layout:fixed;width:100%;font-size:.9375rem;margin-top:1rem}
th,td{text-align:left;padding:.5rem 1rem .5rem 0;border-top:1px solid var(--edge);vertical-align:baseline;
font-weight:400}
th:nth-child(1){width:16%}th:nth-child(2){width:20%}th:nth-child(3){width:11%}th:nth-child(5){width:16%}
th:nth-child(6){width:11%}
thead th{border:0;color:var(--soft);font-size:.8125rem;font-weight:650}
tr>:last-child{padding-right:0}td.soft{font-size:inherit}
.cols{display:grid;gap:2rem;margin-top:1.5rem}
.cols>div{min-width:0}
.cols section+section{margin-top:1.75rem}
.note{margin:1.25rem 0 0}.wrong{margin:1.25rem 0 0;padding:1rem 1.25rem;background:var(--bad-ground);border-radius:8px}
.wrong h3{color:var(--bad)}
.wrong ul,.note ul{list-style:none;margin:0;padding:0}
.wrong li+li,.note li+li{margin-top:1rem}
li p{margin:.25rem 0}.cmd{display:block;padding:.5rem .75rem;background:var(--card);border:1px solid var(--edge);
border-radius:6px;
white-space:pre-wrap}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.5rem,1fr));gap:.75rem 1rem;margin:.75rem 0 0}
dt{color:var(--soft);font-size:.8125rem}
dd{margin:0;font-size:.9375rem}
.one+.one{margin-top:1rem;padding-top:1rem;border-top:1px solid var(--edge)}
svg{display:block;width:100%}
.bar{height:12px;margin:.5rem 0 .375rem;border-radius:3px}
.plot{height:84px;border-bottom:1px solid var(--edge)}
.track{fill:var(--well)}.fill{fill:var(--fill)}.near{fill:var(--near)}.over{fill:var(--over)}
line,.line{vector-effect:non-scaling-stroke}
.mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 2}
.peak{stroke:var(--text);stroke-width:2}
.limit{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 3}
.line{fill:none;stroke:var(--fill);stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}
.area{fill:var(--fill);opacity:.16}
.axis{display:flex;justify-content:space-between;margin:.25rem 0 0}
ol{list-style:none;margin:0;padding:0;font-size:.875rem}
ol li{display:grid;grid-template-columns:6.75rem 4rem minmax(0,1fr);gap:0 .75rem;padding:.3125rem 0;
border-top:1px solid var(--edge)}
ol li:first-child{border:0}ol .bad{white-space:nowrap}
time{color:var(--soft);font-variant-numeric:tabular-nums}
footer{padding-bottom:3rem}
@media (min-width:60rem){.cols{grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:2.5rem}}
@media (max-width:40rem){header,main,footer{padding:0 1rem}body>header{padding-top:1.5rem}.card{padding:1.125rem}
.sum{font-size:1.375rem}.wide{display:none}thead th:nth-child(n){width:50%}ol li{
grid-template-columns:6.75rem minmax(0,1fr)}ol span:last-child{grid-column:1/-1}
.wrong{padding:.875rem 1rem}}
@media print{:root{color-scheme:light;--ground:#fff;--card:#fff;--text:#000;--soft:#444;--edge:#bbb;--well:#eee;
--good:#14532f;
--bad:#8f1711;--bad-ground:#fff;--open:#574200;--blue:#000;--fill:#5b84b8;--near:#b27a14;--over:#c2392f}
html{font-size:12px}header,main,footer{max-width:none;padding:0}body>header{padding:0}
.card{margin:.75rem 0;padding:1rem}
.wrong,.one,section>p,li,tr,dl,svg{break-inside:avoid}h2,h3,h4,.top{break-after:avoid}
.wrong{border:1px solid var(--bad)}
svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}a{text-decoration:none}
.cols{grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1.5rem}}
"""
