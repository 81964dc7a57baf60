// `completion SHELL`: a script by which a shell completes our commands, their options, and the values of options that have
// a closed list. It is written from the commands themselves, so it knows what this version knows.
import { type Command, type Options, wrongUsage } from './command.ts';

const program = 'ilive-webhooks';
const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** The command, which completes `commands` and itself. */
export function createCompletion(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    operands: ['SHELL'],
    summary: 'Prints a script that completes commands in bash, zsh or fish',
    details: `Put what it prints where your shell reads it. zsh: source the file in ~/.zshrc, behind
compinit.`,
    options: {},
    examples: [
      'ilive-webhooks completion bash > ~/.local/share/bash-completion/completions/ilive-webhooks',
      'ilive-webhooks completion zsh > ~/.ilive-webhooks.zsh',
      'ilive-webhooks completion fish > ~/.config/fish/completions/ilive-webhooks.fish',
    ],
    async run(given, { print }) {
      const shell = shells.find((name) => name === given.operands[0]);
      if (shell === undefined) throw wrongUsage(`SHELL must be one of ${shells.join(', ')}.`, this.name);
      print(writers[shell](commands()));
      return 0;
    },
  };
}

const writers: Readonly<Record<Shell, (commands: readonly Command[]) => string>> = {
  bash: writeBash,
  // zsh runs bash's completions as they are.
  zsh: (commands) => `autoload -U +X bashcompinit && bashcompinit\n${writeBash(commands)}`,
  fish: writeFish,
};

function writeBash(commands: readonly Command[]): string {
  const single = commands.filter(({ name }) => !name.includes(' '));
  const words = (list: readonly string[]) =>
    `COMPREPLY=($(compgen -W ${quote(list.join(' '))} -- "$current")); return`;
  const cases = (lines: readonly string[]) => lines.map((line) => `    ${line} ;;`).join('\n');
  const values = commands.flatMap(({ name, options }) =>
    Object.entries(options).flatMap(([flag, { choices }]) =>
      choices === undefined ? [] : [`${patternOf(name, ` --${flag}`)}) ${words(choices)}`],
    ),
  );
  const groups = groupsOf(commands).map(
    ([group, verbs]) => `${group}) if [ -z "$second" ]; then ${words(verbs)}; fi`,
  );
  const flags = commands.map(({ name, options }) => `${patternOf(name)}) options=${quote(flagsOf(options))}`);
  return `_ilive_webhooks() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" first="" second="" word options=""
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) if [ -z "$first" ]; then first="$word"; elif [ -z "$second" ]; then second="$word"; fi ;; esac
  done
  case "$first" in
    "") ${words([...firstWords(commands), '--help', '--version'])} ;;
${cases([...groups, ...single.map(({ name }) => `${name}) second=""`)])}
  esac
  case "$first $second $previous" in
${cases(values)}
  esac
  case "$first $second" in
${cases(flags)}
  esac
  COMPREPLY=($(compgen -W "$options" -- "$current"))
}
complete -o default -F _ilive_webhooks ${program}`;
}

function patternOf(name: string, rest = ''): string {
  const words = name.includes(' ') ? name : `${name} `;
  return quote(`${words}${rest}`);
}

function writeFish(commands: readonly Command[]): string {
  const lines = [`complete -c ${program} -f`];
  for (const word of firstWords(commands)) {
    const summary = commands.find(({ name }) => name === word)?.summary ?? '';
    lines.push(`complete -c ${program} -n __fish_use_subcommand -a ${word} -d ${quote(summary)}`);
  }
  for (const { name, summary, options } of commands) {
    const [first = '', second] = name.split(' ');
    if (second !== undefined) {
      lines.push(
        `complete -c ${program} -n '__fish_seen_subcommand_from ${first}' -a ${second} -d ${quote(summary)}`,
      );
    }
    const seen = name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    for (const [flag, { value, choices, doc }] of Object.entries(options)) {
      const takes = value === undefined ? '' : ' -r';
      const among = choices === undefined ? '' : ` -a ${quote(choices.join(' '))}`;
      lines.push(`complete -c ${program} -n '${seen}' -l ${flag}${takes}${among} -d ${quote(doc)}`);
    }
  }
  return lines.join('\n');
}

function firstWords(commands: readonly Command[]): string[] {
  return [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? name))];
}

function groupsOf(commands: readonly Command[]): [string, string[]][] {
  const grouped = Map.groupBy(
    commands.filter(({ name }) => name.includes(' ')),
    ({ name }) => name.split(' ')[0] ?? name,
  );
  return [...grouped].map(([group, members]) => [group, members.map(({ name }) => name.split(' ')[1] ?? '')]);
}

function flagsOf(options: Options): string {
  return [...Object.keys(options), 'help'].map((name) => `--${name}`).join(' ');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
