/**
 * The one script, as a text that is served. Everything works without it; it spares a click here and there: the browser's
 * zone, ticking all, campaign before sequence, the slider, progress as it comes.
 */
export const SCRIPT = `'use strict'
{
  const body = document.body
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  if (body.dataset.askZone && zone) {
    document.cookie = 'enfold-zone=' + encodeURIComponent(zone) + '; path=' + body.dataset.base + '; max-age=31536000; samesite=strict' + (location.protocol === 'https:' ? '; secure' : '')
    if (document.cookie.includes('enfold-zone=')) location.reload()
  }

  for (const hint of document.querySelectorAll('[data-tick-all]')) {
    const boxes = [...hint.closest('form').querySelectorAll('input[name=contact]')]
    const all = document.createElement('input')
    all.type = 'checkbox'
    const label = document.createElement('label')
    label.append(all, ' Tick all ' + boxes.length + ' of this page')
    hint.replaceChildren(label)
    hint.hidden = false
    all.addEventListener('change', () => boxes.forEach((box) => { box.checked = all.checked }))
  }

  for (const form of document.querySelectorAll('[data-sequences]')) {
    const sequence = form.elements.namedItem('sequence')
    const groups = [...sequence.querySelectorAll('optgroup')]
    if (groups.length < 2) continue
    const campaign = document.createElement('select')
    const label = document.createElement('label')
    label.append('Campaign ', campaign)
    campaign.append(new Option('choose one', ''), ...groups.map((group, i) => new Option(group.label, String(i))))
    const chosen = groups.findIndex((group) => [...group.children].some((option) => option.selected))
    campaign.value = chosen < 0 ? '' : String(chosen)
    const show = () => {
      groups.forEach((group, i) => (String(i) === campaign.value ? sequence.append(group) : group.remove()))
    }
    campaign.addEventListener('change', () => { show(); sequence.value = '' })
    show()
    sequence.closest('label').before(label)
  }

  if (body.dataset.news) {
    let first = null
    // What is being typed, or sent, is not thrown away.
    let touched = false
    for (const event of ['input', 'submit']) document.addEventListener(event, () => { touched = true })
    new EventSource(body.dataset.news).onmessage = ({ data }) => {
      if (first !== null && data !== first && !touched) location.reload()
      first ??= data
    }
  }

  for (const form of document.querySelectorAll('[data-slider]')) {
    const range = form.elements.namedItem('moment')
    range.addEventListener('change', () => form.requestSubmit())
  }

  for (const line of document.querySelectorAll('[data-progress]')) {
    const source = new EventSource(line.dataset.progress)
    const [bar, text] = line.children
    source.onmessage = ({ data }) => {
      const { contacts, processed, state, still, text: said } = JSON.parse(data)
      bar.max = Math.max(1, contacts)
      bar.value = processed
      text.textContent = said
      if (state === 'done' || state === 'cancelled' || still !== (line.dataset.still === 'yes')) { source.close(); location.reload() }
    }
  }
}
`
