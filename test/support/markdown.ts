// What a document in Markdown links to, and what can be linked to in it.

/** The relative targets of links and pictures with their anchors, without what is inside code. */
export function targetsIn(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(<?([^)\s>]+)/g), ...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)];
  return targets.map(([, target]) => target ?? '').filter((target) => !/^[a-z]+:/i.test(target));
}

/** The same without anchors, and without those that lead to the document itself. */
export function linksIn(text: string): string[] {
  return targetsIn(text)
    .map((target) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '');
}

/** What headings of a document can be linked to as, the way GitHub makes it of their words. */
export function anchorsOf(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, '');
  return [...prose.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
