// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/completion_text.h"

#include <string.h>

struct commands_view {
  const struct command *const *items;
  size_t count;
};

static size_t option_count(const struct command *command) {
  return command->option_count + (command->common ? common_option_count : 0);
}

static const struct option_row *option_at(const struct command *command, size_t i) {
  return i < command->option_count ? &command->options[i]
                                   : &common_option_rows[i - command->option_count];
}

// Which commands take the name of a rollout: those whose first argument is called so.
static bool takes_rollout(const struct command *command) {
  return command->arguments && strncmp(command->arguments, "NAME", 4) == 0;
}

// A single-quoted shell word: quotes inside are left out, for these are only descriptions.
static void add_plain(struct buf *out, const char *text) {
  for (; *text; text++)
    if (*text != '\'' && *text != '"' && *text != '`' && *text != '\\' && *text != '$' &&
        *text != '[' && *text != ']' && *text != ':')
      buf_add_char(out, *text);
}

static void add_names(const struct commands_view *view, struct buf *out) {
  for (size_t i = 0; i < view->count; i++)
    if (!view->items[i]->hidden)
      buf_addf(out, "%s%s", out->len && i ? " " : "", view->items[i]->name);
}

static void write_bash(const struct commands_view *view, struct buf *out) {
  buf_add_z(out, "# bash completion for serin; source it, or put it into "
                 "/usr/share/bash-completion/completions/serin\n"
                 "_serin() {\n"
                 "  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=\n"
                 "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "    words=\"");
  add_names(view, out);
  buf_add_z(out, " help\"\n  else\n    case $command in\n");
  for (size_t i = 0; i < view->count; i++) {
    const struct command *command = view->items[i];
    if (command->hidden)
      continue;
    buf_addf(out, "      %s) words=\"", command->name);
    for (size_t k = 0; k < option_count(command); k++)
      buf_addf(out, "--%s ", option_at(command, k)->name);
    buf_add_z(out, "--help");
    if (strcmp(command->name, "proxy-config") == 0)
      buf_add_z(out, " routes clusters endpoints listeners");
    if (strcmp(command->name, "completion") == 0)
      buf_add_z(out, " bash zsh fish");
    buf_add_z(out, "\"");
    if (takes_rollout(command))
      buf_add_z(out, "\n        [ \"${word#-}\" = \"$word\" ] && words=\"$words "
                     "$(serin list -o name 2>/dev/null | sed 's|.*/||')\"");
    buf_add_z(out, " ;;\n");
  }
  buf_add_z(out, "      help) words=\"");
  add_names(view, out);
  buf_add_z(out, "\" ;;\n    esac\n  fi\n"
                 "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                 "  [ ${#COMPREPLY[@]} -eq 0 ] && compopt -o default\n"
                 "  return 0\n"
                 "}\n"
                 "complete -F _serin serin\n");
}

static void write_zsh(const struct commands_view *view, struct buf *out) {
  buf_add_z(out, "#compdef serin\n_serin() {\n  local -a commands\n  commands=(\n");
  for (size_t i = 0; i < view->count; i++) {
    if (view->items[i]->hidden)
      continue;
    buf_addf(out, "    '%s:", view->items[i]->name);
    add_plain(out, view->items[i]->summary);
    buf_add_z(out, "'\n");
  }
  buf_add_z(out,
            "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
            "  case $words[2] in\n");
  for (size_t i = 0; i < view->count; i++) {
    const struct command *command = view->items[i];
    if (command->hidden)
      continue;
    buf_addf(out, "    %s) _arguments", command->name);
    for (size_t k = 0; k < option_count(command); k++) {
      const struct option_row *row = option_at(command, k);
      buf_addf(out, " '--%s%s[", row->name, row->type == OPTION_FLAG ? "" : "=");
      add_plain(out, row->help);
      buf_addf(out, "]%s'", row->type == OPTION_FLAG ? "" : ":value:_files");
    }
    if (takes_rollout(command))
      buf_add_z(out, " '*:rollout:($(serin list -o name 2>/dev/null | sed \"s|.*/||\"))'");
    else if (strcmp(command->name, "proxy-config") == 0)
      buf_add_z(out, " '1:part:(routes clusters endpoints listeners)'");
    else if (strcmp(command->name, "completion") == 0)
      buf_add_z(out, " '1:shell:(bash zsh fish)'");
    else
      buf_add_z(out, " '*:argument:_files'");
    buf_add_z(out, " ;;\n");
  }
  buf_add_z(out, "  esac\n}\n_serin \"$@\"\n");
}

static void write_fish(const struct commands_view *view, struct buf *out) {
  buf_add_z(out,
            "# fish completion for serin; put it into ~/.config/fish/completions/serin.fish\n");
  for (size_t i = 0; i < view->count; i++) {
    const struct command *command = view->items[i];
    if (command->hidden)
      continue;
    buf_addf(out, "complete -c serin -n __fish_use_subcommand -f -a %s -d '", command->name);
    add_plain(out, command->summary);
    buf_add_z(out, "'\n");
    for (size_t k = 0; k < option_count(command); k++) {
      const struct option_row *row = option_at(command, k);
      buf_addf(out, "complete -c serin -n '__fish_seen_subcommand_from %s' -l %s", command->name,
               row->name);
      if (row->letter)
        buf_addf(out, " -s %c", row->letter);
      buf_addf(out, "%s -d '", row->type == OPTION_FLAG ? "" : " -r");
      add_plain(out, row->help);
      buf_add_z(out, "'\n");
    }
    if (takes_rollout(command))
      buf_addf(out,
               "complete -c serin -n '__fish_seen_subcommand_from %s' -f -a \"(serin list -o name "
               "2>/dev/null | string replace -r '.*/' '')\"\n",
               command->name);
  }
}

bool completion_text(struct str shell, const struct command *const *list, size_t count,
                     struct buf *out) {
  struct commands_view view = {list, count};
  if (str_eq_z(shell, "bash"))
    write_bash(&view, out);
  else if (str_eq_z(shell, "zsh"))
    write_zsh(&view, out);
  else if (str_eq_z(shell, "fish"))
    write_fish(&view, out);
  else
    return false;
  return true;
}
