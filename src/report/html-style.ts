/** What the report looks like, and the little script of its list: search and order. Everything can be read without the script. */

import { type Axis, percent } from './html-timeline.js'

/** Light and dark have the same names. Contrasts are at least 4.5 to 1 (WCAG 2.1, 1.4.3): test/real/report.test.ts. */
const COLOURS = `
:root{color-scheme:light dark;--bg:#fff;--card:#f6f8fa;--text:#1f2328;--soft:#57606a;--line:#d0d7de;--ok:#1a7f37;--due:#0a58ca;--bad:#b42318;--warn:#8a5300;--v:#4fb06d;--w:#e3a72f;--now:#b42318}
@media (prefers-color-scheme:dark){:root{--bg:#0f1419;--card:#182028;--text:#e6e9ed;--soft:#9ba6b1;--line:#2f3943;--ok:#57cf85;--due:#86b7fe;--bad:#ff8f85;--warn:#f2b84b;--v:#2f8f52;--w:#c98a1b;--now:#ff8f85}}`

const COMMON = `
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem clamp(.75rem,3vw,2rem) 3rem;max-width:76rem;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
h1,h2,h3,b,dd,p,li,td:last-child{overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2.25rem 0 .75rem}
h3{font-size:1rem;margin:0;display:inline}
p{margin:.25rem 0}
small,.soft{color:var(--soft);font-size:.85rem}
code{font:.85em ui-monospace,"DejaVu Sans Mono",monospace}
:focus-visible{outline:2px solid var(--due);outline-offset:2px;border-radius:4px}
em{font-style:normal;font-weight:600;font-size:.85rem;white-space:nowrap}
em::before{margin-right:.35em}
.ok em,em.ok{color:var(--ok)}.ok em::before,em.ok::before{content:"✓"}
.due em,em.due{color:var(--due)}.due em::before{content:"↻"}
.troubled em,em.troubled{color:var(--warn)}.troubled em::before,em.troubled::before{content:"▲"}
.broken em,em.broken{color:var(--bad)}.broken em::before,em.broken::before{content:"✕"}
.n{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.25rem 0 0;padding:0}
.n div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem .9rem;display:flex;flex-direction:column-reverse;justify-content:flex-end}
.n dd{margin:0;font-size:1.5rem;font-weight:650;line-height:1.3}.n dt{color:var(--soft);font-size:.85rem}
.n .bad dd{color:var(--bad)}.n .good dd{color:var(--ok)}
.a{border:1px solid var(--line);border-left:5px solid var(--warn);border-radius:6px;padding:.6rem .9rem;margin:0 0 .6rem;background:var(--card)}
.a.broken{border-left-color:var(--bad)}
.a h3{margin-right:.6rem}
.fine{border-left:5px solid var(--ok);background:var(--card);border-radius:6px;padding:.6rem .9rem}
ul{list-style:none;margin:0;padding:0}
.h,.c summary{display:grid;grid-template-columns:minmax(9rem,17rem) minmax(6rem,1fr) 4.2rem 7.5rem;gap:.9rem;align-items:center}
.h{color:var(--soft);font-size:.8rem;padding:0 .4rem .2rem;border-bottom:1px solid var(--line)}
.c{border-bottom:1px solid var(--line)}
.c summary{cursor:pointer;padding:.32rem .4rem;list-style:none}
.c summary::-webkit-details-marker{display:none}
.c summary:hover{background:var(--card)}
.c[open]{background:var(--card)}
.c b{font-weight:600}.c i{font-style:normal;font-weight:400;color:var(--soft)}
.c summary>span:nth-of-type(2){font-variant-numeric:tabular-nums;text-align:right}
.h span:nth-of-type(2){text-align:right}
.b{position:relative;display:block;height:1rem}
.b svg{display:block;width:100%;height:100%}
.b::after{content:"";position:absolute;top:-.36rem;bottom:-.36rem;left:var(--t);border-left:2px solid var(--now)}
.v{fill:var(--v)}.w{fill:var(--w)}
.ax{display:block;width:100%;height:20px;overflow:visible;font-size:.75rem;fill:var(--soft)}.ax .now{fill:var(--now);font-weight:600}
.c dl{display:grid;grid-template-columns:fit-content(12rem) 1fr;gap:.1rem 1rem;margin:.2rem 0 .8rem;padding:.3rem .8rem 0;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0}
.g,.m{margin:0 0 .5rem}.g>summary,.m>summary{cursor:pointer;padding:.4rem;background:var(--card);border:1px solid var(--line);border-radius:6px;margin-bottom:.4rem}
.g>summary span{color:var(--soft)}
.x{overflow-x:auto}
time{white-space:nowrap}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;color:var(--soft);padding:0 0 .3rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:500}tbody th{font-weight:500}
.runs th:first-child{min-width:7.5rem;width:14rem}.runs td:nth-child(2){width:14rem}
td ul{margin:.2rem 0 0;padding-left:1rem;list-style:disc}
.u{display:block;width:6rem;max-width:100%;height:.4rem;background:var(--line);border-radius:3px;margin-top:.3rem}.u rect{fill:var(--due)}
.key{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:0 0 .6rem}.key svg{width:1.6rem;height:.8rem;vertical-align:-.05rem;margin-right:.35rem}.key .t{fill:var(--now)}
.f{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:center;margin:0 0 .8rem}
.f label{display:flex;gap:.4rem;align-items:center;color:var(--soft);font-size:.9rem}
input,select{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--soft);border-radius:6px;padding:.25rem .5rem;max-width:100%}
footer{margin-top:2.5rem}
[hidden]{display:none!important}
@media (max-width:60rem){.ax text:nth-of-type(odd):not(.now){display:none}}
@media (max-width:44rem){body,th,td{overflow-wrap:anywhere}.h{grid-template-columns:1fr}.h span{display:none}.c summary{grid-template-columns:1fr auto;gap:.15rem .8rem}.c summary b{grid-column:1}.c summary em{grid-column:2;grid-row:1}.c summary .b{grid-column:1;grid-row:2}.c summary>span:nth-of-type(2){grid-column:2;grid-row:2}.b{height:.8rem}.c dl{grid-template-columns:1fr;gap:0}.c dd{margin:0 0 .35rem}.n{grid-template-columns:1fr 1fr}.n dd{font-size:1.2rem}thead{position:absolute;clip-path:inset(50%)}table,caption,tbody,tr,tbody th,td{display:block;width:auto!important}tr{border-bottom:1px solid var(--line);padding:.4rem 0}th,td{border:0;padding:.1rem 0}.cas td:nth-child(n+2):nth-child(-n+4)::before{color:var(--soft)}.cas td:nth-child(2)::before{content:'Certificates: '}.cas td:nth-child(3)::before{content:'Orders in 3 hours: '}.cas td:nth-child(4)::before{content:'Orders in 7 days: '}}
@media print{:root{--bg:#fff;--card:#fff;--text:#000;--soft:#444;--line:#bbb;--ok:#0b5a24;--due:#0a3d91;--bad:#8f1b12;--warn:#6d4100;--v:#4fb06d;--w:#e3a72f;--now:#8f1b12}body{max-width:none;padding:0;font-size:10pt}.f{display:none}svg,.u{print-color-adjust:exact;-webkit-print-color-adjust:exact}.c,.a,tr{break-inside:avoid}h2,caption,.h{break-after:avoid}.x{overflow:visible}.g::details-content,.m::details-content{content-visibility:visible;block-size:auto}}`

/** The style sheet with what depends on the dates: where today is, and a faint line for each mark of the axis. */
export function styleFor(axis: Axis, now: Date): string {
  const lines = axis.marks.map(
    ({ at }) => `linear-gradient(var(--line),var(--line)) ${percent(axis, at)}% 0/1px 100% no-repeat`,
  )
  return `${COLOURS}:root{--t:${percent(axis, now)}%}.b{background:${lines.join(',') || 'none'}}${COMMON}`
}

/**
 * Search in all that is known of a certificate, and two more orders. Sorted, the rows are one flat list; by urgency they go back
 * into their groups. Before printing, all groups are opened.
 */
export const SCRIPT = `(()=>{
const list=document.getElementById('list'),form=document.getElementById('find')
if(!list||!form)return
const rows=[...list.querySelectorAll('li')].map((li,i)=>({li,i,home:li.parentNode,c:li.querySelector('.c')}))
const groups=[...list.querySelectorAll('.g')].map(g=>({g,open:g.open})),flat=document.createElement('ul')
list.append(flat)
const name=r=>r.n??=r.c.querySelector('b').textContent.toLowerCase(),text=r=>r.t??=r.li.textContent.toLowerCase()
const orders={name:(a,b)=>name(a)<name(b)?-1:name(a)>name(b)?1:0,left:(a,b)=>a.c.dataset.e-b.c.dataset.e}
const [query,order,told]=[form.elements.q,form.elements.o,form.querySelector('output')]
const show=()=>{
const q=query.value.trim().toLowerCase(),by=orders[order.value]
for(const r of by?rows.toSorted(by):rows)(by?flat:r.home).append(r.li)
let n=0
for(const r of rows){const is=!q||text(r).includes(q);r.li.hidden=!is;n+=is}
for(const {g,open} of groups){const some=!by&&!!g.querySelector('li:not([hidden])');g.hidden=!some;g.open=some&&(!!q||open)}
told.textContent=q?n+' of '+rows.length:''
}
let later
query.addEventListener('input',()=>{clearTimeout(later);later=setTimeout(show,80)})
order.addEventListener('change',show)
form.addEventListener('submit',e=>{e.preventDefault();show()})
addEventListener('beforeprint',()=>{for(const d of document.querySelectorAll('.g,.m'))d.open=true})
form.hidden=false
})()`
