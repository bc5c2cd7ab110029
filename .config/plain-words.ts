/**
 * Finds words that our texts do not use, in sources, tests, pages and changesets, and says what to write instead.
 * A line is judged by itself: what only a reader can tell (an "answer" that is a command's result) is left to a reader.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const WORDS: readonly (readonly [RegExp, string])[] = [
  // A server is behind a proxy, and a reader falls behind: `lag.behind` counts events. Nothing else is behind.
  [
    /(?<!(?:fall|falls|falling|lag|lags|[.{]|let|readonly|@param|return \{|createMeters\()\s*)\bbehind\b(?!\??:|\(|\)?,? [})=+]| an? (?:\w+ )?(?:proxy|pooler))/i,
    'after, later than',
  ],
  [/\bbeside\b/i, 'next to, separate'],
  [/\bwho(?:m|mever|ever)\b/i, 'anyone who, a contact that'],
  [/\bwho is in\b/i, 'the contacts in'],
  [/\bnone of (?:his|hers|theirs)\b/i, 'no … of the contact'],
  [/\blest\b/i, 'so that … not'],
  [/\b(?:he|him|his|himself)\b/i, 'they, the contact, the operator'],
  [/\bfor ever\b/i, 'for good, without end'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix'],
  [/\banew\b/i, 'again'],
  [/\bcame of it\b/i, 'the result'],
  [/\bin place of\b/i, 'instead of'],
  [/\ba \w+ of yours\b/i, 'your own'],
  [/\bof before\b(?![.)])/i, 'older, earlier'],
  [/\b(?:it|that|which|who|what an? \w+|engine|store|server|handler|console|page|call|host) answers\b/i, 'returns'],
  [/\banswers (?:an?\b|the same|its|whether|when|once|with|nothing|already|not|true|false|null|[`'"\d])/i, 'returns'],
  [/[,;] for (?:it|they|there|this|that) (?:is|are|was|were|may|can|has|have|must)\b/, 'because'],
  [
    /\bit(?:\.[\w.]+)?\(\s*['"`](?:[A-Z]+-\w+(?:(?:, | to )[A-Z]+-?\w*)*: )?(?:who|where|and|so|also|of|is|are|has|was|that) /,
    'a subject: what is it that the test is about',
  ],
  [/(?:\* |\/\*\* |\/\/ |^)Answers (?!to |of |are |that )/, 'returns'],
]

/** Files that quote such words, and formats that are data. */
const LEFT_OUT =
  /^LICENSE$|^\.config\/plain-words\.ts$|\d+-plain-words\.md$|\/fixtures\/|\.(?:json|jsonl|lock|yaml|svg|png|csv|gz|txt)$/

const problems = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && !LEFT_OUT.test(file))
  .flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        WORDS.flatMap(([word, instead]) => {
          const found = word.exec(line)
          return found === null ? [] : [`${file}:${index + 1}: "${found[0]}": say ${instead}\n    ${line.trim()}`]
        }),
      ),
  )

for (const problem of problems) process.stdout.write(`${problem}\n`)
if (problems.length > 0) {
  process.stdout.write(`\n${problems.length} words to replace. Why: docs/decisions/0022-plain-words.md\n`)
  process.exitCode = 1
}
