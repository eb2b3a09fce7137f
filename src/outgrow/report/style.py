"""How the page looks on wide and narrow screens, in light, dark and print, and how its charts are drawn."""

from __future__ import annotations

CSS = """
:root{--ink:#18202b;--soft:#566273;--paper:#fff;--panel:#f4f6f9;--line:#d8dee6;--link:#0b64a0;--shade:#18202b2e;
--do:#17703f;--dont:#b3261e;--close:#855c00;--check:#b7791f}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#a3afbe;--paper:#14181e;
--panel:#1d232b;
--line:#343d49;--link:#6cb8ec;--shade:#000c;--do:#5cc48a;--dont:#ff8a80;--close:#e2b44c;--check:#d9a441}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",
Roboto,
"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
main{max-width:70rem;margin:0 auto;padding:1.75rem 1rem 4rem}
h1,h2,h3,h4{line-height:1.25;overflow-wrap:anywhere;margin:0}
h1{font-size:clamp(1.5rem,1.15rem + 1.6vw,2.1rem);letter-spacing:-.01em;text-wrap:balance}
h2{font-size:1.45rem;margin-bottom:.75rem}
h3{font-size:1.1rem;margin:1.75rem 0 .6rem}
h4{font-size:1rem;margin:1.25rem 0 .5rem}
p{margin:.5rem 0;max-width:48rem}
a{color:var(--link)}
b,strong{font-weight:650}
small,.soft,figcaption,.lede,.kicker{color:var(--soft)}
small{font-size:.8125rem}
code{font:.85em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
section{margin-top:3rem;padding-top:1.75rem;border-top:1px solid var(--line)}
.kicker{margin:0 0 .35rem;font-size:.8125rem;letter-spacing:.06em;text-transform:uppercase}
.lede{margin:.5rem 0 0;max-width:none;overflow-wrap:anywhere}
.lede b{color:var(--ink)}
.note{margin:.75rem 0;padding-left:.75rem;border-left:3px solid var(--line);color:var(--soft);
font-size:.9375rem}
.verdict{margin-top:1.25rem;padding:1.25rem 1.25rem 1rem;border:1px solid var(--line);
border-left:6px solid var(--tone);
border-radius:8px;background:var(--panel)}
.verdict.do{--tone:var(--do)}.verdict.dont{--tone:var(--dont)}.verdict.close{--tone:var(--close)}
.verdict h2{display:flex;flex-wrap:wrap;align-items:center;gap:.4rem .8rem;font-size:1.3rem;margin:0}
.verdict h3{margin:1rem 0 .4rem;font-size:1rem}
.verdict p{max-width:none}
.take{font-size:1.125rem}
.badge{display:inline-block;padding:.1em .6em;border:1.5px solid currentColor;border-radius:999px;
font-weight:650;
white-space:nowrap;font-size:.875em}
.badge.do{color:var(--do)}.badge.dont{color:var(--dont)}.badge.close{color:var(--close)}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;margin-top:1.25rem;font-size:.9375rem}
.scroll{overflow-x:auto;max-width:100%;margin:.5rem 0;--under:var(--paper);background:
linear-gradient(to right,var(--under) 40%,transparent) left/3rem 100% no-repeat local,
linear-gradient(to left,var(--under) 40%,transparent) right/3rem 100% no-repeat local,
linear-gradient(to right,var(--shade),transparent) left/.7rem 100% no-repeat scroll,
linear-gradient(to left,var(--shade),transparent) right/.7rem 100% no-repeat scroll}
.verdict .scroll{--under:var(--panel)}
.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
table{border-collapse:collapse;font-size:.9375rem;font-variant-numeric:tabular-nums;min-width:100%}
th,td{text-align:left;vertical-align:baseline;padding:.4rem .9rem .4rem 0;
border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
thead th{font-weight:600;vertical-align:bottom}
thead small{display:block;font-weight:400}
tbody th{font-weight:500;max-width:20rem}
tbody th small{margin-left:.2em}
tr.group th{padding-top:1rem;font-weight:650}
td{min-width:5rem}
td.number,td.line{white-space:nowrap}
td.words{min-width:15rem}
.reasons,.plain{padding-left:1.1rem;color:var(--soft);font-size:.9375rem;max-width:60rem}
.plain b{color:var(--ink)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr));
gap:1.5rem 2.5rem;margin-top:1.5rem}
.panels.four .figures{max-width:60rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr))}
.panels .figures{grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:1.5rem 1.75rem;
margin-top:.75rem}
.key{display:flex;flex-wrap:wrap;gap:.15rem 1.4rem;margin:1.5rem 0 .75rem;padding:0;list-style:none;
font-size:.9375rem}
.key li{overflow-wrap:anywhere}
.key svg{margin-right:.4em;vertical-align:middle}
figure{margin:0;min-width:0}
.name{margin:0 0 .4rem;font-weight:650}
figcaption{font-size:.875rem;margin-top:.35rem}
.chart{width:100%;min-height:4rem}
.chart.vega-embed{display:block;padding:0}
.chart svg{display:block;max-width:100%;height:auto}
.check{margin:1rem 0;padding:.1rem 0 .1rem 1rem;border-left:4px solid var(--check)}
.check h3{margin:0}
.check h3 code{margin-right:.4em}
.detail{font-weight:600}
pre{margin:.75rem 0;padding:.75rem 1rem;border-radius:8px;background:var(--panel);white-space:pre-wrap}
dl{margin:.75rem 0}
dl>div{display:grid;grid-template-columns:minmax(9rem,15rem) 1fr;gap:.1rem 1.25rem;padding:.3rem 0}
dt{color:var(--soft)}
dd{margin:0;max-width:48rem;overflow-wrap:anywhere}
.words dt{color:var(--ink);font-weight:600}
.wide td{min-width:7rem}
@media (max-width:40rem){main{padding:1.1rem 1rem 3rem}section{margin-top:2.25rem;padding-top:1.25rem}
.verdict{padding:1rem .9rem .75rem}dl>div{grid-template-columns:1fr}}
@media print{body{font-size:11pt}main{max-width:none;padding:0}nav{display:none}section,.verdict{
break-inside:auto}
figure,.check,tr{break-inside:avoid}.scroll{overflow:visible;background:none}h2,h3,h4{break-after:avoid}
table{font-size:8.5pt}td,td.words,.wide td{min-width:0}td.number,td.line{white-space:normal}}
"""
"""The style sheet."""

DRAW = """
for (const place of document.querySelectorAll("[data-spec]")) {
  const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
  vegaEmbed(place, spec, {mode: "vega-lite", ast: true, renderer: "svg", actions: false}).then(
    () => { place.dataset.drawn = "yes"; },
    (error) => { place.textContent = "This chart could not be drawn."; console.error(error); }
  );
}
"""
"""Draws every chart; `ast` interprets its expressions, since the page forbids making code from text."""
