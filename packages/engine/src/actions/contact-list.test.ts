import { isEnfoldFault } from '@enfold/core'
import { hostileIds } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { resultHeader, resultLine, withoutMarks } from './action-csv.ts'
import { type CsvInput, contactsOfCsv, type ListLimits, type ListOptions } from './contact-list.ts'

async function idsOf(csv: CsvInput, options?: ListOptions, limits?: ListLimits): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const contactId of contactsOfCsv(csv, 'list', options, limits)) ids.push(contactId)
  return ids
}

async function refusalOf(csv: CsvInput, options?: ListOptions, limits?: ListLimits): Promise<string> {
  try {
    return `read as ${JSON.stringify(await idsOf(csv, options, limits))}`
  } catch (error) {
    if (isEnfoldFault(error) && error.code === 'INVALID_INPUT') return error.message
    throw error
  }
}

describe('a list that can be read in one way', () => {
  it.each<[string, string, readonly string[], string?]>([
    ['one id in each line', 'ann\nbob\n', ['ann', 'bob']],
    ['line ends of three kinds', 'ann\r\nbob\ncleo\rdan', ['ann', 'bob', 'cleo', 'dan']],
    ['blanks around the ids', ' ann \n\u00a0bob\n" cleo "\n', ['ann', 'bob', 'cleo']],
    ['empty lines', '\n  \nann\n\n   \nbob\n\n', ['ann', 'bob']],
    ['no line at all', '', []],
    ['a header alone', 'contactId\n', []],
    ['a header over one column', 'Contact ID\nann', ['ann']],
    ['a column in the middle', 'First Name,Contact ID,City\nAnn,a1,Ulm\nBob,b1,Bonn', ['a1', 'b1']],
    ['contactId before id', 'id,contactId\n1,ann\n2,bob', ['ann', 'bob']],
    ['semicolons', 'contactId;name\nann;"Ann; Dr."\nbob;Bob', ['ann', 'bob']],
    ['semicolons, and a comma in the header', 'contact_id;name, first\nann;Ann', ['ann']],
    ['tabs', 'name\tid\nAnn, Dr.\tann\n', ['ann']],
    ['a quote within a cell', 'contactId,product\nann,5" pipe\nbob,a "b" c', ['ann', 'bob']],
    ['quotes, a byte order mark', '\uFEFFid\r\n"a,b"\r\n\r\n"c""d"\r\n', ['a,b', 'c"d']],
    ['a cell that holds a line end', 'note,id\n"one\ntwo",ann', ['ann']],
    ['lines of delimiters alone', 'id;name\nann;Ann\n;;\n ; \n', ['ann']],
    ['lines that end early', 'id;name;city\nann\nbob;Bob', ['ann', 'bob']],
    ['a column that the caller names', 'Kunde,Nummer\nAnn,k1', ['k1'], 'nummer'],
    ['a column that the caller names, of one', 'customer_id\nk1', ['k1'], 'customer_id'],
    ['ids with bars and colons', 'auth0|5f7c8\nurn:crm:ann\nuser|7\n', ['auth0|5f7c8', 'urn:crm:ann', 'user|7']],
    ['ids that are a word and a number', 'user1\nuser2\ncustomer3', ['user1', 'user2', 'customer3']],
    ['one id that is a word and a number', 'customer7', ['customer7']],
    ['a word and a number further down', 'c1\nuser2', ['c1', 'user2']],
    ['ids with a number in brackets', 'lead (1)\nlead (2)', ['lead (1)', 'lead (2)']],
    ['ids of letters between bars', 'auth|ann\nauth|bob\nmail|cleo', ['auth|ann', 'auth|bob', 'mail|cleo']],
    ['ids of letters that end with a sign', 'ann#\nbob#\ncleo#', ['ann#', 'bob#', 'cleo#']],
    ['ids of words around an @', 'mail@company\nann', ['mail@company', 'ann']],
    ['a first id of letters among such', 'ann\nbob-2\ncleo\ndan', ['ann', 'bob-2', 'cleo', 'dan']],
    ['a first id of letters under a header', 'contactId\nann\nc-1\nc-2', ['ann', 'c-1', 'c-2']],
    ['an id of letters further down', 'c-1\nann\nc-2', ['c-1', 'ann', 'c-2']],
    ['a header in any language that is named', 'Kundennummer\nk-1', ['k-1'], 'kundennummer'],
    ['an apostrophe that is not ours', "id\n'=x", ["'=x"]],
  ])('BULK-1: %s', async (_, csv, expected, column) => {
    expect(await idsOf(csv, column === undefined ? {} : { column })).toEqual(expected)
  })

  it('BULK-1: a list is read in pieces that are cut anywhere, also within a character and a line end', async () => {
    const bytes = new TextEncoder().encode('\uFEFFid;x\r\nünï;1\r\n🏊‍♀️;"2\r\n"\r\n')
    expect(await idsOf([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(['ünï', '🏊‍♀️'])
    const swimmers = Array.from({ length: 9000 }, (_, i) => `${'🏊'.repeat(1 + (i % 7))}${i % 2 === 0 ? 'x' : ''}`)
    expect(await idsOf(swimmers.join('\n'))).toEqual(swimmers)
    expect(await idsOf(swimmers.join('\n').split(''))).toEqual(swimmers)
  })
})

describe('a list that can be read in two ways', () => {
  it.each<[string, string, RegExp, string?]>([
    ['a line of several columns without a header', 'ann,5" pipe', /^list, line 1 has several columns, and names none/],
    ['several columns without a name for the ids', 'First Name;Phone\nAnn;1', /^list, line 1 has several columns/],
    [
      'two columns of one name',
      'contactId,contact_id,id\na,b,c',
      /^list, line 1 has several columns, and names none or several/,
    ],
    ['two delimiters, and no name', 'a,b;c\n', /^list, line 1 has several delimiters, and no name/],
    ['two delimiters, and a name by each', 'id,x;id\n', /^list, line 1 has several delimiters, and a name by more/],
    ['a header of something else', '\nEmail\nann@example.org', /^list, line 2 looks like a header/],
    ['a header of other ids', 'customerId\n1', /^list, line 1 looks like a header/],
    ['a header of two words', 'customer_number\n1', /^list, line 1 looks like a header/],
    ['a header whose words are told by capitals', 'customerNo\n1', /^list, line 1 looks like a header/],
    ['a German header', 'Kundennummer\nK-1\nK-2', /^list, line 1 looks like a header: .*, a digit; expected .*column/],
    ['a Dutch header over one id', 'Klantnummer\n4711', /^list, line 1 looks like a header: .*, a digit/],
    ['a Polish header', '\nidentyfikator klienta\na@b.pl', /^list, line 2 looks like a header: .*, an @/],
    ['a header over ids with signs', 'kundennummer\na/b\nc/d', /^list, line 1 looks like a header: .*, a sign/],
    ['a header with a capital', 'Kundennummer\nann\nbob', /^list, line 1 looks like a header: .* without capitals/],
    ['a header with a blank', 'num client\nann\nbob', /^list, line 1 looks like a header: .* without blanks/],
    ['a header in another script', '顧客番号\nc1\nc2', /^list, line 1 looks like a header: .*, a digit/],
    [
      'a header over a long list with one id of letters',
      ['Kundennummer', 'meyer', ...Array.from({ length: 500 }, (_, i) => `k${i}`)].join('\n'),
      /^list, line 1 looks like a header: .*, a digit/,
    ],
    ['cells between bars', 'contactId|name\nann|Ann', /^list, line 1 looks like a header/],
    [
      'cells between bars, with a name that is not known',
      'contact_id|Umsatz\nann|7',
      /^list, line 1 looks like a header/,
    ],
    ['a header that ends with a sign', 'Customer #\n1', /^list, line 1 looks like a header/],
    ['a header in apostrophes', "'contactId'\nann", /^list, line 1 looks like a header/],
    ['a header with a colon', 'ID:\n1', /^list, line 1 looks like a header/],
    ['a header with words in brackets', 'Contact ID (CRM)\nann', /^list, line 1 looks like a header/],
    ['a header of something else with brackets', 'Email (work)\na@b.example', /^list, line 1 looks like a header/],
    ['a sign for a number', 'N°\n1', /^list, line 1 looks like a header/],
    ['another sign for a number', 'Nº\n1', /^list, line 1 looks like a header/],
    ['a short header with a sign', 'Ref#\n1', /^list, line 1 looks like a header/],
    ['such a header further down', 'c1\nRef#\nc2', /^list, line 2 looks like a header/],
    ['a header with a number', 'CustomerId2\n1', /^list, line 1 looks like a header: .* name of a column/],
    ['a header with a number in brackets', 'Email (2)\na@b.example', /^list, line 1 looks like a header: .* name of a/],
    ['a German header with a sign', 'Kunde #\nann/1\nbob/2', /^list, line 1 looks like a header: .*, a digit/],
    ['names between bars over a number', 'Kunde|Name\n1|Ann', /^list, line 1 looks like a header: .*, a digit/],
    [
      'names between bars over names',
      'Kunde|Name\nMeyer|Ann',
      /^list, line 1 looks like a header: .* name of a column/,
    ],
    ['a header further down', 'ann\ncontactId\nbob', /^list, line 2 looks like a header/],
    ['the header again', 'id;name\nann;Ann\nID;Name\n', /^list, line 3 is the header again/],
    [
      'a line of more columns than one',
      'ann\nbob;Bob',
      /^list, line 2 has several columns, and the first line has one/,
    ],
    ['a line of more columns than the header', 'name,id\nSmith, John,c1', /^list, line 2 has more cells/],
    [
      'a column that is not there',
      'id,name\nann,Ann',
      /^list, line 1 has no column, or several, named "nummer"/,
      'nummer',
    ],
    ['a column named, and no header', 'ann\nbob', /^list, line 1 has no column/, 'contactId'],
    ['an empty cell', 'id,name\n,Ann', /^list, line 2, column 1 is empty; expected an id/],
    ['a pair of quotes', 'ann\n""\n', /^list, line 2, column 1 is empty/],
    ['a line without the column', 'name,id\nann\n', /^list, line 2, column 2 is not there/],
    ['an id that is too long', 'x'.repeat(201), /^list, line 1, column 1 has 201 characters/],
    ['half a character', 'id\n\ud800', /^list holds half a character/],
    ['a quote that has no end', 'ann\n"bob', /^list, line 2 begins a quote that does not end/],
    ['a line without end', `"${'x'.repeat(200_000)}`, /^list, line 1 is longer than 100,000 characters/],
  ])('BULK-1: %s is refused with its line', async (_, csv, expected, column) => {
    expect(await refusalOf(csv, column === undefined ? {} : { column })).toMatch(expected)
  })

  it('BULK-1: bytes that are no UTF-8 are refused', async () => {
    expect(await refusalOf([Uint8Array.of(97, 0xff, 10)])).toMatch(/^list is not text in UTF-8/)
  })

  it('LOG-4: a refusal repeats no cell: it may be a name', async () => {
    const name = 'Annegret von Beispiel '
    for (const csv of [
      `${name},x`,
      `id\n${name.repeat(20)}`,
      `ann\n"${name}`,
      `ann\n${name};x`,
      `id,x\na,b,${name}`,
      `${name}\na1`,
    ])
      expect(await refusalOf(csv)).not.toContain('Annegret')
  })
})

describe('a list that would fill the memory', () => {
  /** So many pieces of 64 KiB, and how many of them were taken. */
  function endless(text: string, pieces: number) {
    let taken = 0
    const piece = text.repeat(65_536 / text.length)
    function* given() {
      for (; taken < pieces; taken++) yield piece
    }
    return { csv: given(), taken: () => taken }
  }

  it.each([
    ['commas', ',', /^list, line 1/],
    ['quotes', '"', /^list/],
    ['letters', 'x', /^list, line 1/],
    ['letters in quotes', '"x', /^list, line 1/],
  ])('BULK-1: 99 MiB of %s are refused by the first few', async (_, text, expected) => {
    const { csv, taken } = endless(text, 99 * 16)
    expect(await refusalOf(csv)).toMatch(expected)
    expect(taken()).toBeLessThan(10)
  })

  it('BULK-1: a line of more cells than a list may have is refused while it is read', async () => {
    expect(await refusalOf(`id,x\nann,b\nbob${','.repeat(90_000)}`)).toMatch(/^list, line 3 has more than 1000 cells/)
  })

  it('BULK-1: a list of more lines than the limit is refused, however short they are', async () => {
    const { csv, taken } = endless('a\n', 99 * 16)
    expect(await refusalOf(csv, {}, { columns: 10, records: 100_000 })).toMatch(/^list, line 100001 is one more than/)
    expect(taken()).toBeLessThan(10)
  })

  it('BULK-1: a long list leaves no listener, and warns of none', async () => {
    const warned: string[] = []
    const listen = (warning: Error) => void warned.push(warning.name)
    process.on('warning', listen)
    const lines = Array.from({ length: 50_000 }, (_, i) => `contact-${i}`)
    expect(await idsOf(`id\n${lines.join('\n')}`)).toEqual(lines)
    // A warning is told in the next turn.
    await new Promise(setImmediate)
    process.off('warning', listen)
    expect(warned).toEqual([])
  })

  it('BULK-1: no more is read ahead than a few pieces', async () => {
    const { csv, taken } = endless('a\n', 99 * 16)
    const list = contactsOfCsv(csv, 'list')
    await list.next()
    expect(taken()).toBeLessThan(4)
    await list.return(undefined)
  })
})

describe('a file of results', () => {
  const file = (ids: readonly string[]) =>
    resultHeader() + ids.map((id) => resultLine([id, 'started', 1, null])).join('')
  const FORMULAS = [
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    "'=x",
    "'",
    "''",
    '＝1',
    '\tx',
    ' =1',
    'a;=1+1',
    "a;'=1",
    'a,"=1',
    'a\n=1',
    '|=1',
  ]

  it('LOG-6: any id is the same in it, and read back is the same again', async () => {
    const ids = [...new Set([...hostileIds, ...FORMULAS, 'id', 'contactId', ' ann '])]
    expect(await idsOf(file(ids))).toEqual(ids)
  })

  it('BULK-1: every cell stands in quotes', () => {
    expect(file(['ann'])).toBe('"contactId","outcome","run","reason"\n"ann","started","1",""\n')
  })

  it.each([',', ';', '\t', '|'])('BULK-1: no formula begins a cell where %j ends one', (separator) => {
    for (const cell of file(FORMULAS)
      .split(/\r\n|\n|\r/)
      .flatMap((line) => line.split(separator)))
      expect(cell.replace(/^[ "]+/, '')).not.toMatch(/^[=+\-@＝＋－＠]/u)
  })

  it('BULK-1: an apostrophe that no formula follows is no mark', () => {
    expect(withoutMarks("'tis")).toBe("'tis")
  })
})
