/** The one stylesheet, as a text that is served. Light and dark by what the operator's machine prefers. */
export const STYLE = `:root {
  color-scheme: light dark;
  --ground: #f7f7f4; --paper: #ffffff; --ink: #1f2421; --soft: #59625d; --line: #dcdfd9; --field: #ffffff; --edge: #868f89;
  --accent: #14614f; --accent-ink: #ffffff; --accent-soft: #e3efeb;
  --good: #17603f; --good-soft: #e0f0e6; --bad: #a1241b; --bad-soft: #fbe6e3; --warm: #7a4a00; --warm-soft: #fbeed3;
  --line-0: #14614f; --line-1: #a8480e; --line-2: #5a4fae; --line-3: #a1246b; --line-4: #276ea8; --line-5: #6a6a12;
}
@media (prefers-color-scheme: dark) { :root {
  --ground: #141716; --paper: #1c201e; --ink: #e6e9e6; --soft: #a2aca6; --line: #313733; --field: #232825; --edge: #78827c;
  --accent: #6cc5ab; --accent-ink: #08201a; --accent-soft: #1f3630;
  --good: #84d3a6; --good-soft: #1a3325; --bad: #ff9c90; --bad-soft: #43211e; --warm: #efc070; --warm-soft: #3a2d14;
  --line-0: #6cc5ab; --line-1: #f0a067; --line-2: #a9a1f5; --line-3: #ee8dbd; --line-4: #7fbdf0; --line-5: #cbca62;
} }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.45rem; line-height: 1.25; margin: .2rem 0 .7rem; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; font-weight: 650; }
h3 { font-size: 1rem; margin: 0; font-weight: 600; }
p { margin: .5rem 0; max-width: 75ch; }
small { font-size: .85em; color: var(--soft); font-weight: 400; }
a { color: var(--accent); text-underline-offset: .15em; }
code { font: .9em ui-monospace, Menlo, Consolas, monospace; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -99rem; } .skip:focus { left: .5rem; top: .5rem; background: var(--paper); padding: .4rem .8rem; z-index: 9; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.quiet, .hint, .empty { color: var(--soft); }
.there { color: var(--soft); font-size: .87em; white-space: nowrap; }
.id { overflow-wrap: anywhere; }
.small { font-size: .85rem; font-weight: 400; }

.top { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem 1.2rem; padding: .55rem clamp(.8rem, 3vw, 2rem); background: var(--paper); border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; letter-spacing: -.01em; color: var(--accent); text-decoration: none; font-size: 1.05rem; }
.top nav { display: flex; gap: .2rem; flex: 1; flex-wrap: wrap; }
.top nav a { color: var(--ink); text-decoration: none; padding: .25rem .65rem; border-radius: 6px; }
.top nav a:hover { background: var(--accent-soft); }
.top nav a[aria-current] { background: var(--accent-soft); color: var(--accent); font-weight: 600; }
.who { color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem clamp(.8rem, 3vw, 2rem) 2rem; }
footer { max-width: 76rem; margin: 0 auto; padding: .8rem clamp(.8rem, 3vw, 2rem) 2rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .9rem; }

button, .button, select, input:not([type=checkbox]):not([type=range]) { font: inherit; color: inherit; padding: .34rem .7rem; border: 1px solid var(--edge); border-radius: 6px; background: var(--field); min-height: 2.2rem; max-width: 100%; }
button, .button { cursor: pointer; text-decoration: none; display: inline-block; color: var(--ink); }
button:hover, .button:hover { background: var(--accent-soft); }
.primary, .search button { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); font-weight: 600; }
.primary:hover, .search button:hover { background: var(--accent); filter: brightness(1.08); }
button.quiet, .button.quiet { border-color: transparent; background: transparent; color: var(--accent); }
.button.small, .small > .button { padding: .1rem .55rem; font-size: .85rem; min-height: 0; }
input[type=range] { vertical-align: middle; width: min(24rem, 60vw); accent-color: var(--accent); }
input[type=checkbox] { width: 1.1rem; height: 1.1rem; accent-color: var(--accent); vertical-align: -.15em; }
input::placeholder { color: var(--soft); opacity: 1; }
.line { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .4rem 0; max-width: none; }
.search input { flex: 1 1 16rem; } .search select { flex: 0 1 auto; min-width: 0; }
.search { max-width: 48rem; } .search details { margin: .5rem 0; }
.fields { display: grid; gap: .8rem; max-width: 34rem; margin-top: 1rem; }
.fields label { display: grid; gap: .2rem; font-weight: 550; } .fields input, .fields select { font-weight: 400; } .fields label.tick { display: block; font-weight: 400; }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .7rem 0; }
.buttons form { margin: 0; }
summary { cursor: pointer; } summary:hover { color: var(--accent); }

.bar { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .3rem 1rem; }
.bar h1, .bar h2 { margin-bottom: .4rem; }
.menu { position: relative; } .menu > summary { list-style: none; padding: .34rem .9rem; border-radius: 6px; background: var(--accent); color: var(--accent-ink); font-weight: 600; }
.menu > summary::-webkit-details-marker { display: none; } .menu > summary::after { content: " ▾"; } .menu > summary:hover { color: var(--accent-ink); }
.menu > div { position: absolute; right: 0; z-index: 5; display: grid; gap: .4rem; width: max-content; max-width: 88vw; padding: .8rem; margin-top: .3rem; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 6px 24px #0003; }

.scroll { position: relative; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--paper); margin: .4rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { padding: .38rem .75rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); font-weight: 400; }
thead th, thead td { border-top: 0; color: var(--soft); font-size: .82rem; font-weight: 550; white-space: nowrap; padding-top: .5rem; }
tbody th { font-weight: 550; overflow-wrap: break-word; min-width: 8rem; } td { overflow-wrap: break-word; }
td time, .card time, td:first-child { white-space: nowrap; } td.tick { width: 2.4rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; width: 1%; min-width: 0; }
tbody tr:hover { background: color-mix(in srgb, var(--accent-soft) 45%, transparent); }
.orders { white-space: nowrap; text-align: right; } .why { white-space: nowrap; color: var(--soft); font-size: .88rem; }

.badge { display: inline-block; padding: 0 .5rem; border-radius: 99px; font-size: .82rem; line-height: 1.5; background: color-mix(in srgb, var(--soft) 14%, transparent); white-space: nowrap; }
.badge.good { background: var(--good-soft); color: var(--good); } .badge.bad { background: var(--bad-soft); color: var(--bad); } .badge.warm { background: var(--warm-soft); color: var(--warm); }
.tag { display: inline-block; margin: 0 .5rem .15rem 0; }
.sequence small { margin-left: .25rem; }
.notice { padding: .55rem .9rem; border-radius: 8px; background: var(--accent-soft); border-left: 4px solid var(--accent); max-width: none; }
.notice.good { background: var(--good-soft); border-color: var(--good); } .notice.bad { background: var(--bad-soft); border-color: var(--bad); } .notice.warm { background: var(--warm-soft); border-color: var(--warm); }
.notice h2 { margin: .2rem 0; } .notice ul { margin: .3rem 0; padding-left: 1.2rem; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; margin: .5rem 0; }
.card .scroll { border-radius: 6px; } .card .buttons { margin: .5rem 0; } details.card { padding: .5rem .9rem; }
.time { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; align-items: center; padding: .3rem .9rem; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }
.time form { display: flex; align-items: center; gap: .3rem; flex-wrap: wrap; } .time .notice { flex-basis: 100%; margin: .3rem 0; } .steps a { margin-right: .6rem; }
.chain { padding-left: 0; list-style: none; } .chain > li { position: relative; padding: .1rem 0 .5rem 1.5rem; border-left: 2px solid var(--line); margin-left: .4rem; }
.chain > li::before { content: ""; position: absolute; left: -6px; top: .95rem; width: 10px; height: 10px; border-radius: 50%; background: var(--accent); }
.chain ul { color: var(--soft); font-size: .92rem; padding-left: 1.1rem; margin: .1rem 0; overflow-wrap: anywhere; } .answer { font-size: 1.08rem; }
.figures { display: flex; flex-wrap: wrap; gap: .5rem; margin: .5rem 0; } .figures > div { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: .45rem .9rem; min-width: 7.5rem; }
.figures dt { color: var(--soft); font-size: .82rem; } .figures dd { margin: 0; font-size: 1.1rem; font-weight: 600; font-variant-numeric: tabular-nums; } .figures dd .badge { font-size: .9rem; }
.progress { display: flex; gap: .8rem; align-items: center; } progress { width: min(28rem, 55vw); height: .8rem; accent-color: var(--accent); }

.split { display: grid; gap: 1rem 1.5rem; grid-template-columns: minmax(0, 1fr); } .split > * { min-width: 0; }
@media (min-width: 62rem) { .split { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } .split h2:first-child { margin-top: .2rem; } }
.graph { overflow: auto; } .graph svg { display: block; margin: 0 auto; max-width: none; }
svg text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink); }
.node rect { fill: var(--paper); stroke: var(--edge); stroke-width: 1.2; } .node.goal rect { fill: var(--accent-soft); stroke: var(--accent); }
.node .title { font-weight: 600; } .node .about { font-size: 12px; fill: var(--soft); } .node.goal .about { fill: var(--ink); }
.node:hover rect, .node.selected rect { stroke: var(--accent); stroke-width: 2.5; } .node { text-decoration: none; }
.edge { fill: none; stroke: var(--edge); stroke-width: 1.4; } .arrow { fill: var(--edge); }
.edge-label text { font-size: 11.5px; fill: var(--soft); paint-order: stroke; stroke: var(--paper); stroke-width: 5px; }
.charts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.chart { margin: 0; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; min-width: 0; } .chart svg { width: 100%; height: auto; display: block; }
.chart figcaption { font-weight: 600; margin-bottom: .3rem; } .chart .grid { stroke: var(--line); } .chart .axis { font-size: 11px; fill: var(--soft); }
rect.part-0 { fill: var(--line-0); } rect.part-1 { fill: var(--edge); } rect.part-2 { fill: var(--bad); }
.legend { font-size: .87rem; margin: .4rem 0; } .legend span { margin-right: .9rem; } .legend span::before { content: ""; display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; margin-right: .35rem; }
.legend .part-0::before { background: var(--line-0); } .legend .part-1::before { background: var(--edge); } .legend .part-2::before { background: var(--bad); }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line-0 { stroke: var(--line-0); } .line-1 { stroke: var(--line-1); stroke-dasharray: 7 3; } .line-2 { stroke: var(--line-2); } .line-3 { stroke: var(--line-3); stroke-dasharray: 2 3; } .line-4 { stroke: var(--line-4); } .line-5 { stroke: var(--line-5); stroke-dasharray: 9 3 2 3; }
.legend .line-0::before { background: var(--line-0); } .legend .line-1::before { background: var(--line-1); } .legend .line-2::before { background: var(--line-2); } .legend .line-3::before { background: var(--line-3); } .legend .line-4::before { background: var(--line-4); } .legend .line-5::before { background: var(--line-5); }
.mail iframe { width: 100%; height: 26rem; border: 1px solid var(--line); border-radius: 8px; background: #fff; }
pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; margin: .4rem 0; font: .9em/1.5 ui-monospace, Menlo, Consolas, monospace; } pre.text { font: inherit; }
textarea { font: .9em/1.5 ui-monospace, Menlo, Consolas, monospace; color: inherit; padding: .34rem .7rem; border: 1px solid var(--edge); border-radius: 6px; background: var(--field); width: 100%; }
@media (max-width: 40rem) {
  .top nav { order: 1; flex-basis: 100%; margin-left: -.65rem; } .brand { flex: 1; } td:first-child { white-space: normal; } th, td { padding: .35rem .55rem; } .orders, td:has(> .why) { position: sticky; right: 0; background: var(--paper); box-shadow: -8px 0 8px -8px #0004; }
  .menu > div { right: auto; left: 0; }
}
@media (prefers-reduced-motion: no-preference) { button, .button, .top nav a { transition: background .12s; } }
@media print { .top nav, footer, .buttons, .time, .orders { display: none; } }
`
