/** Colours by theme. Every tone is readable (4.5:1) on paper, on raised and on its own tint: a test computes it. */
export const PALETTE = {
  light: {
    paper: "#ffffff",
    raised: "#f6f7f8",
    ink: "#1b1f24",
    muted: "#59626d",
    line: "#dde1e6",
    link: "#1d4f91",
    pass: "#1c6b43",
    passTint: "#e9f4ee",
    fail: "#a8201a",
    failTint: "#fcecea",
    unsure: "#7d5200",
    unsureTint: "#fbf3de",
    idle: "#626b76",
    idleTint: "#eff1f3",
    part: "#1d4f91",
    partTint: "#e7eef8",
    onFail: "#ffffff",
  },
  dark: {
    paper: "#15181c",
    raised: "#1c2025",
    ink: "#e3e7eb",
    muted: "#9da7b2",
    line: "#30363d",
    link: "#8ab8f0",
    pass: "#74c69a",
    passTint: "#172a20",
    fail: "#ff8f84",
    failTint: "#371a18",
    unsure: "#e2b65a",
    unsureTint: "#2f2611",
    idle: "#98a2ad",
    idleTint: "#23282e",
    part: "#8ab8f0",
    partTint: "#17243a",
    onFail: "#1a0b0a",
  },
} as const;

function variables(theme: keyof typeof PALETTE): string {
  return Object.entries(PALETTE[theme])
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(";");
}

/** The style sheet; `footer` stands on each printed page and is plain text (`[\w.· -]`). */
export function style(footer: string): string {
  return `:root{color-scheme:light dark;${variables("light")};--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,sans-serif;--mono:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{${variables("dark")}}}
${SHEET}
@media print{@page{size:A4;margin:16mm 14mm 18mm;@bottom-left{content:"${footer}";font:8pt sans-serif;color:#555}@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif;color:#555}}${PRINT}}`;
}

const SHEET = `*,*::before,*::after{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);font:100%/1.55 var(--sans);-webkit-text-size-adjust:100%;scroll-padding-top:4.5rem}
body{margin:0;font-size:.9375rem;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.page{max-width:76rem;margin:0 auto;padding:0 clamp(.9rem,3vw,2.25rem)}
h1,h2,h3,h4,p,ul,ol,dl,dd,pre,figure{margin:0;padding:0}
ul,ol{list-style:none}
a{color:var(--link);text-underline-offset:.18em;text-decoration-thickness:.06em}
a:hover{text-decoration-thickness:.12em}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
code,pre,.mono,.digest{font-family:var(--mono);font-size:.86em;overflow-wrap:anywhere}
code{background:var(--idleTint);border-radius:3px;padding:.08em .32em}
.digest{word-break:break-all}
small{font-size:.8125rem;color:var(--muted);font-weight:400}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.pass{color:var(--pass)}.part{color:var(--part)}.fail{color:var(--fail)}.unsure{color:var(--unsure)}.idle{color:var(--idle)}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem 1rem;z-index:3}

.verdict{padding:1.6rem 0 1.6rem;border-top:6px solid;border-bottom:1px solid var(--line);background:var(--raised)}
.verdict.is-pass{border-top-color:var(--pass)}.verdict.is-part{border-top-color:var(--part)}.verdict.is-fail{border-top-color:var(--fail)}.verdict.is-unsure{border-top-color:var(--unsure)}
.product{font-weight:600;letter-spacing:.01em}.product span{color:var(--muted);font-weight:400}.product span::before{content:"/";margin:0 .5em;color:var(--line)}
h1{display:flex;align-items:center;gap:.9rem;font-size:clamp(2rem,5.4vw,3.1rem);line-height:1.1;letter-spacing:.005em;font-weight:700;margin:1.1rem 0 .5rem}
.seal{display:grid;place-items:center;width:1.5em;height:1.5em;border-radius:50%;font-size:.72em;flex:none;border:2px solid}
.is-pass h1{color:var(--pass)}.is-part h1{color:var(--part)}.is-fail h1{color:var(--fail)}.is-unsure h1{color:var(--unsure)}
.is-pass .seal{background:var(--passTint)}.is-part .seal{background:var(--partTint)}.is-unsure .seal{background:var(--unsureTint)}.is-fail .seal{background:var(--fail);color:var(--onFail);border-color:var(--fail)}
.line{text-wrap:pretty;font-size:1.15rem;line-height:1.45;max-width:60rem}
.facts{display:flex;flex-wrap:wrap;gap:.75rem 2.25rem;margin-top:1.35rem}
.facts dt{font-size:.78rem;color:var(--muted)}.facts dd{font-size:.9rem}
.map{display:flex;flex-wrap:wrap;gap:.9rem 1.6rem;margin-top:1.5rem}
.map ul{display:flex;gap:3px;margin-top:.25rem;flex-wrap:wrap}
.family{font-size:.78rem;color:var(--muted);font-weight:600;letter-spacing:.03em}
.box{display:grid;justify-items:center;width:2.15rem;padding:.22rem 0 .16rem;border-radius:4px;text-decoration:none;line-height:1.15;border:1px solid transparent}
.box small{font-size:.64rem;color:inherit}.box:hover{border-color:currentColor}
.box.pass{background:var(--passTint)}.box.unsure{background:var(--unsureTint);border-color:var(--unsure)}.box.idle{background:var(--idleTint)}.box.fail{background:var(--fail);color:var(--onFail)}
.box.out{background:none;border:1px dashed color-mix(in srgb,var(--idle) 45%,transparent)}

.contents{display:flex;flex-wrap:wrap;gap:.2rem 1.25rem;padding:.7rem 0;border-bottom:1px solid var(--line);font-size:.875rem}
.contents a{text-decoration:none;padding:.15rem 0}.contents a:hover{text-decoration:underline}
section{padding-top:2.5rem}
h2{font-size:1.45rem;line-height:1.25;font-weight:650;letter-spacing:-.005em;margin-bottom:.7rem}
h3{font-size:1.02rem;font-weight:650;margin:1.75rem 0 .55rem}
h4{font-size:.9375rem;font-weight:650;margin:1.1rem 0 .5rem}
section>p{max-width:62rem;margin-bottom:.6rem}
.after{margin-top:.9rem}.calm,.fine{color:var(--muted)}.fine{font-size:.85rem;margin-top:.6rem}

.attention{border-top:1px solid var(--line)}
.attention>li{display:grid;grid-template-columns:13.5rem 1fr;gap:.2rem 1.25rem;padding:.7rem 0;border-bottom:1px solid var(--line)}
.mark{font-weight:650;text-decoration:none;white-space:nowrap}.mark span:last-child{font-weight:400}.mark:hover{text-decoration:underline}
.causes pre{background:var(--raised);border-radius:4px;padding:.25rem .6rem;margin-top:.2rem;white-space:pre-wrap}
.where{color:var(--muted);font-size:.85rem}
.where.mono{font-size:.8rem}

.pairs>div{display:grid;grid-template-columns:11.5rem 1fr;gap:.1rem 1.25rem;padding:.28rem 0}
.pairs dt,.factlist dt,.compare dt{color:var(--muted);font-size:.875rem}
.pairs dd{min-width:0}
.plain>li+li{margin-top:.25rem}
.factlist>div{display:grid;grid-template-columns:minmax(6rem,11rem) 1fr;gap:.1rem 1rem}
.limits>li,.flows>li,section>ul:not([class])>li{padding:.35rem 0 .35rem 1.1rem;position:relative;max-width:62rem}
.limits>li::before,.flows>li::before,section>ul:not([class])>li::before{content:"–";position:absolute;left:0;color:var(--muted)}
.touches{color:var(--muted)}

.scroll{overflow-x:auto;max-width:100%;position:relative}
table{border-collapse:collapse;font-size:.875rem;width:100%}
caption{text-align:left;color:var(--muted);font-size:.8125rem;padding-bottom:.35rem}
th,td{overflow-wrap:break-word;text-align:left;vertical-align:top;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);font-weight:400}
thead th{color:var(--muted);font-size:.8125rem;border-bottom-color:var(--muted)}
tbody th{font-weight:500}tbody th b{font-weight:650}
.number,.files th:nth-child(2),.timings th:nth-child(2){white-space:nowrap;text-align:right}
td.digest{font-size:.72rem;color:var(--muted);min-width:12rem}
.timings{max-width:40rem}.bar{width:55%;vertical-align:middle}.bar svg{display:block;width:100%;height:.5rem}.bar rect,.span rect{fill:var(--muted)}.span{min-width:9rem;vertical-align:middle}.span svg{display:block;width:100%;height:.5rem}.ways td:nth-child(2){white-space:nowrap}.ways td:last-child{min-width:18rem}

.legend{display:grid;grid-template-columns:repeat(auto-fill,minmax(15.5rem,1fr));gap:.5rem 1.25rem;max-width:66rem;margin:.25rem 0 1rem;font-size:.875rem}
.legend li{display:flex;align-items:center;gap:.55rem}.legend li.none{color:var(--muted)}.legend small{display:block;font-size:.75rem;line-height:1.25}
.cell{display:inline-grid;place-items:center;width:2.1rem;height:2.1rem;border-radius:4px;text-decoration:none;font-size:1rem;line-height:1;border:1px solid transparent;flex:none}
.cell.open{background:var(--passTint);color:var(--pass)}
.cell.denied{color:var(--idle)}
.cell.leak{background:var(--fail);color:var(--onFail);font-weight:700}
.cell.broken{background:var(--unsureTint);color:var(--unsure);border:1px dashed}
.cell.unknown{background:var(--unsureTint);color:var(--unsure);border-color:currentColor;font-weight:700}
.cell.unprobed{color:var(--idle)}
a.cell:hover{border-color:currentColor;border-style:solid}
.matrix{width:auto}
.matrix th,.matrix td{padding:.12rem .3rem;border:0;vertical-align:middle}
.matrix caption{padding-bottom:.6rem}
.matrix thead th{font-size:.78rem;line-height:1.25;vertical-align:bottom;padding-bottom:.45rem;max-width:6.2rem;min-width:4.4rem;color:var(--ink);text-align:center;overflow-wrap:anywhere;hyphens:auto}
.matrix thead th b{display:block}
.matrix thead th.zone{color:var(--muted);font-size:.72rem;padding:.1rem .3rem;border-bottom:1px solid var(--line);max-width:none}
.matrix .corner{color:var(--muted);text-align:left;font-weight:400;white-space:nowrap}
.matrix tbody th{position:sticky;left:0;background:var(--paper);white-space:nowrap;padding-right:1rem;z-index:1}
.matrix td{text-align:center}
.matrix tbody tr:hover>*{background:var(--raised)}
.matrix td.self{background:linear-gradient(to top right,transparent calc(50% - .5px),var(--line) calc(50% - .5px),var(--line) calc(50% + .5px),transparent calc(50% + .5px)) center/1.3rem 1.3rem no-repeat}

.topology{display:block;width:100%;min-width:46rem;max-width:66rem;height:auto;font-family:var(--sans)}
.node rect{fill:var(--raised);stroke:var(--line)}
.topology text{fill:var(--ink);font-size:12.5px}
.topology .strong{font-weight:650}.topology .small{fill:var(--muted);font-size:11px;font-family:var(--mono)}
.topology .tier{fill:var(--muted);font-size:9px;letter-spacing:.06em;text-anchor:end}
.frame{fill:none;stroke:var(--line);stroke-dasharray:2 4}
.edge{fill:none;stroke:var(--pass);stroke-width:1.5}.edge.standing{stroke:var(--idle);stroke-width:1}.edge.leak{stroke:var(--fail);stroke-width:2;stroke-dasharray:7 4}.edge.broken{stroke:var(--unsure);stroke-width:2;stroke-dasharray:1.5 4;stroke-linecap:round}
.arrow path{fill:var(--pass)}.arrow.standing path{fill:var(--idle)}.arrow.leak path{fill:var(--fail)}.arrow.broken path{fill:var(--unsure)}
.topology .flow{font-size:10.5px;fill:var(--muted);paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.topology .flow.leak{fill:var(--fail);font-weight:650}.topology .flow.broken{fill:var(--unsure);font-weight:650}
.flow.start{text-anchor:start}.flow.middle{text-anchor:middle}.flow.end{text-anchor:end}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;font-size:.8125rem;color:var(--muted)}
.key span::before{content:"";display:inline-block;width:1.9rem;margin-right:.5rem;vertical-align:middle;border-top:2px solid var(--pass)}
.key .k-standing::before{border-top:1px solid var(--idle)}.key .k-leak::before{border-top:2px dashed var(--fail)}.key .k-broken::before{border-top:3px dotted var(--unsure)}

summary{cursor:pointer;list-style:none;display:flex;align-items:baseline;gap:.75rem;padding:.5rem .25rem}
summary::-webkit-details-marker{display:none}
summary::before{content:"";flex:none;align-self:center;width:.4rem;height:.4rem;border:solid var(--muted);border-width:0 1.5px 1.5px 0;transform:rotate(-45deg);margin-right:.1rem}
details[open]>summary::before{transform:rotate(45deg)}
summary:hover{background:var(--raised)}
.control,.way,.observation,.pairs[open],details.pairs{border-bottom:1px solid var(--line)}
.what{flex:1 1 12rem;min-width:0}
.id{white-space:nowrap}.mono.id{white-space:normal;overflow-wrap:anywhere}
.glyph{flex:none;width:1.1em;text-align:center;font-weight:700;display:inline-block}
.badges{display:inline-flex;align-items:baseline;gap:.6rem;flex:none}
.badge{font-size:.75rem;color:var(--muted);border:1px solid var(--line);border-radius:999px;padding:.02rem .55rem;white-space:nowrap}
.badge.strong{color:var(--ink);border-color:var(--muted)}
.word{font-weight:650;font-size:.875rem;min-width:6.2rem;text-align:right}
.control .body,.way .body{padding:.15rem 0 1.5rem 2.55rem}
.reason{font-size:1rem;max-width:62rem;margin-bottom:.6rem;font-weight:500}
.is-fail>summary{background:var(--failTint)}.is-unsure>summary{background:var(--unsureTint)}.control.is-idle .what,.control.is-idle .id{color:var(--muted)}
.check{padding:.8rem 1rem;border:1px solid var(--line);border-radius:6px;margin-bottom:.6rem}
.check.is-fail{border-color:var(--fail)}.check.is-unsure{border-color:var(--unsure)}
.quiet .check{border-width:0 0 1px;border-radius:0;padding:.6rem 0;margin:0}
.title{display:flex;gap:.55rem;align-items:baseline}.title>span:nth-child(2){font-weight:600}.quiet .title>span:nth-child(2){font-weight:500}.title .word{margin-left:auto;min-width:0}
.why{margin:.25rem 0}
.compare{display:grid;grid-template-columns:1fr 1fr;gap:.3rem 1.75rem;margin:.4rem 0}
.quiet .compare{display:flex;flex-wrap:wrap;gap:.1rem 1.75rem;font-size:.875rem;margin:.15rem 0}.quiet .compare>div{display:flex;gap:.5rem}.quiet .proofs{margin:.2rem 0}
.proofs{display:grid;grid-template-columns:1fr 1fr;gap:.2rem 1.75rem;margin:.5rem 0;font-size:.85rem;color:var(--muted)}
.proofs b{color:var(--ink);font-weight:600}.proofs .absent,.proofs .absent b{color:var(--fail)}
.declared{margin:.5rem 0}.declared pre{display:flex;gap:.9rem;background:var(--raised);border-radius:4px;padding:.5rem .8rem;margin-top:.25rem;white-space:pre-wrap}
.declared pre code{background:none;padding:0;font-size:1em}.gutter{color:var(--muted);user-select:none}
.pointer{color:var(--muted)}
.evidence{font-size:.875rem;margin-top:.4rem}
details.more{margin:.4rem 0}details.more>summary{color:var(--link);font-size:.875rem}
.shot{display:block;width:min(100%,40rem);height:auto;margin:.2rem 0 .9rem 1.6rem;border:1px solid var(--line)}
.observation summary{padding:.32rem .25rem;font-size:.875rem}.observation .what{flex:0 1 auto}.observation summary small{flex:1 1 14rem;min-width:0}
.observation>.pairs{padding:.1rem 0 .9rem 1.6rem;font-size:.875rem}
.pairlist>li{padding:.55rem 0 .55rem 1.6rem;border-top:1px solid var(--line)}.pairlist>li>p:first-child{display:flex;flex-wrap:wrap;align-items:center;gap:.2rem .7rem}
.pairlist .cell{width:1.5rem;height:1.5rem;font-size:.85rem}
.pairlist .pairs,.pairlist .fine{font-size:.875rem;margin:0 0 0 2.2rem}
:target>summary,li:target{background:var(--raised);box-shadow:inset 3px 0 0 var(--link)}

.tools{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1rem;padding:.6rem 0;background:var(--paper);border-bottom:1px solid var(--line);font-size:.875rem}
.tools[hidden]{display:none}
.tools [role=group]{display:flex}
button,input{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--muted);border-radius:5px;padding:.28rem .75rem}
.tools [role=group] button{border-radius:0;margin-left:-1px}.tools [role=group] button:first-child{border-radius:5px 0 0 5px;margin:0}.tools [role=group] button:last-child{border-radius:0 5px 5px 0}
button{cursor:pointer}button:hover{background:var(--raised)}button[aria-pressed=true]{background:var(--ink);color:var(--paper);border-color:var(--ink)}
.tools label{display:flex;align-items:center;gap:.5rem;flex:1 1 14rem}input{flex:1;min-width:0;width:100%;max-width:22rem}
output{color:var(--muted)}
footer{margin:3.5rem 0 3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--muted);font-size:.85rem}
footer p{max-width:62rem}footer p+p{margin-top:.4rem}
@media screen{.filtered{display:none}}
@media screen and (max-width:44rem){
.attention>li,.pairs>div,.factlist>div,.compare,.proofs{grid-template-columns:1fr}
.control .body,.way .body{padding-left:.25rem}
.control>summary,.way>summary,.observation>summary,details.pairs>summary{flex-wrap:wrap}
.badges{flex:1 1 100%;padding-left:1.5rem}.badges .word{margin-left:auto;min-width:0}
.what{flex-basis:9rem}
.observation>.pairs,.pairlist>li{padding-left:.25rem}.pairlist .pairs,.pairlist .fine{margin-left:0}
.tools{position:static}
.matrix tbody th{white-space:normal;max-width:6.5rem;font-size:.8rem;padding-right:.4rem}
th,td{padding-right:.6rem}
.facts{gap:.6rem 1.5rem}
}
@media (forced-colors:active){.cell,.box,.seal,.badge{border:1px solid}.cell.leak,.box.fail{forced-color-adjust:none}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}`;

const PRINT = `:root{color-scheme:light;${variables("light")}}
html,body{background:none;font-size:9.2pt;line-height:1.4}
.page{max-width:none;padding:0}
.tools,.contents,.skip{display:none}
details::details-content{content-visibility:visible;display:block;height:auto}
summary::before{display:none}
.verdict{padding-top:8pt;background:none}h1{font-size:26pt}.line{font-size:12pt}
section{padding-top:16pt}h2,h3,h4,summary{break-after:avoid}
thead{display:table-header-group}tr,.check,.attention>li,.pairlist>li,.limits>li,svg.topology{break-inside:avoid}
.scroll{overflow:visible}
.topology{min-width:0}
a{color:inherit;text-decoration:none}
.box.fail,.cell.leak,.is-fail .seal{background:none;color:var(--fail);border:1.5pt solid var(--fail)}
.cell{width:1.7rem;height:1.7rem}
.matrix th,.matrix td{padding:.05rem .15rem}
.matrix tbody th{position:static}
.control .body,.way .body,.observation>.pairs,.pairlist>li{padding-left:6pt}
.pairlist{columns:2;column-gap:18pt}.pairlist>li>p:first-child{gap:0 .5rem}.pairlist .pairs,.pairlist .fine{margin-left:0}.pairlist .pairs>div{grid-template-columns:8.5rem 1fr}
.pairs>div{padding:.08rem 0}.observation>.pairs,.pairlist,.quiet .compare,.proofs{font-size:8pt}.observation>.pairs{padding-bottom:4pt}.quiet .check{padding:.3rem 0}.control .body{padding-bottom:8pt}
.factlist>div{display:inline-flex;gap:.4rem;margin-right:1rem}
.filtered{display:block}`;
