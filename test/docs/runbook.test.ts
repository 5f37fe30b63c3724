import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { RUNBOOK_SECTIONS, type RunbookSection } from '../../components/alarms.ts';
import { assertOurs, commandsOf, isOurs } from '../support/documented-commands.ts';

const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');

/** The text below a heading, up to the next. */
function sectionOf(name: string): string {
  const [, rest] = runbook.split(`\n## ${name}\n`);
  assert.ok(rest !== undefined, `docs/runbook.md has no section ${name}`);
  return rest.split('\n## ')[0] ?? '';
}

describe('the runbook', () => {
  for (const [section, korean] of Object.entries(RUNBOOK_SECTIONS)) {
    it(`says what ${section} means, what a person does, and what to type`, () => {
      const text = sectionOf(section);
      assert.ok(text.trimStart().startsWith(`> ${korean}\n`), 'it begins with what the alarm says');
      assert.match(text, /\*\*It means\*\*/);
      assert.match(text, /\*\*Do\*\*/);
      assert.ok(commandsOf(text).some(isOurs), 'no command to type');
    });
  }

  it('has no section for an alarm that does not exist', () => {
    const sections = [...runbook.matchAll(/^## ([a-z-]+)$/gm)].map(([, name]) => name as RunbookSection);
    assert.deepEqual(sections.sort(), Object.keys(RUNBOOK_SECTIONS).sort());
  });

  it('names commands and options that there are', () => {
    const lines = commandsOf(runbook).filter(isOurs);
    assert.ok(lines.length > 30, `${lines.length} commands`);
    for (const line of lines) assertOurs(line);
  });

  it('links to sections and files that there are', () => {
    for (const [, target] of runbook.matchAll(/\]\(#([a-z-]+)\)/g))
      assert.match(runbook.toLowerCase(), new RegExp(`^## ${String(target).replaceAll('-', '[- ]')}$`, 'm'));
  });
});
