// SPDX-License-Identifier: Apache-2.0
// url(): an absolute URL or an absolute path. Source: Kubernetes' documentation, "CEL in
// Kubernetes", URL library; RFC 3986 as Go's net/url reads it.
#include "manifests/cel/functions.h"
#include "manifests/cel/text.h"

#include <ctype.h>
#include <string.h>

static bool is_escape(struct str text, size_t at) {
  return at + 2 < text.len && text.ptr[at] == '%' && isxdigit((unsigned char)text.ptr[at + 1]) &&
         isxdigit((unsigned char)text.ptr[at + 2]);
}

static bool escapes_ok(struct str text) {
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] == '%' && !is_escape(text, i))
      return false;
  return true;
}

// Takes "scheme:" off the front. False: a fault.
static bool take_scheme(struct str *rest, struct str *ret_scheme) {
  *ret_scheme = STR("");
  for (size_t i = 0; i < rest->len; i++) {
    char c = rest->ptr[i];
    if (isalpha((unsigned char)c))
      continue;
    if (c == ':' && i > 0) {
      *ret_scheme = str_slice(*rest, 0, i);
      *rest = str_slice(*rest, i + 1, rest->len);
      return true;
    }
    if (c == ':')
      return false;
    if (i == 0 || (!isdigit((unsigned char)c) && c != '+' && c != '-' && c != '.'))
      return true;
  }
  return true;
}

static bool port_ok(struct str port) { // "" or ":80"
  for (size_t i = 1; i < port.len; i++)
    if (!isdigit((unsigned char)port.ptr[i]))
      return false;
  return port.len == 0 || port.ptr[0] == ':';
}

static bool host_ok(struct str host) {
  size_t from = 0;
  if (host.len && host.ptr[0] == '[') {
    ptrdiff_t end = str_find_char(host, ']');
    if (end < 0)
      return false;
    from = (size_t)end + 1;
  } else {
    ptrdiff_t colon = -1;
    for (size_t i = 0; i < host.len; i++)
      colon = host.ptr[i] == ':' ? (ptrdiff_t)i : colon;
    from = colon < 0 ? host.len : (size_t)colon;
  }
  if (!port_ok(str_slice(host, from, host.len)))
    return false;
  for (size_t i = 0; i < host.len; i++) {
    unsigned char c = (unsigned char)host.ptr[i];
    // Only bytes that are not ASCII may be escaped in a host.
    if (c == '%' ? !is_escape(host, i) || host.ptr[i + 1] < '8'
                 : c < 0x80 && !isalnum(c) && !strchr("-._~!$&'()*+,;=:[]<>\"", c))
      return false;
  }
  return true;
}

static bool user_ok(struct str user) {
  for (size_t i = 0; i < user.len; i++)
    if (!isalnum((unsigned char)user.ptr[i]) && !strchr("-._:~!$&'()*+,;=%@", user.ptr[i]))
      return false;
  return escapes_ok(user);
}

static bool take_authority(struct str *rest, struct str *ret_host) {
  struct str authority = str_slice(*rest, 2, rest->len);
  ptrdiff_t slash = str_find_char(authority, '/'), at = -1;
  *rest = slash < 0 ? STR("") : str_slice(authority, (size_t)slash, authority.len);
  authority = slash < 0 ? authority : str_slice(authority, 0, (size_t)slash);
  for (size_t i = 0; i < authority.len; i++)
    at = authority.ptr[i] == '@' ? (ptrdiff_t)i : at;
  *ret_host = str_slice(authority, (size_t)(at + 1), authority.len);
  return host_ok(*ret_host) && (at < 0 || user_ok(str_slice(authority, 0, (size_t)at)));
}

static bool parse(struct str text, struct cel_url *ret_url) {
  struct str rest = text;
  *ret_url = (struct cel_url){STR(""), STR(""), STR(""), STR("")};
  for (size_t i = 0; i < text.len; i++)
    if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
      return false;
  if (text.len == 0 || !take_scheme(&rest, &ret_url->scheme))
    return false;
  ptrdiff_t question = str_find_char(rest, '?');
  if (question >= 0) {
    ret_url->query = str_slice(rest, (size_t)question + 1, rest.len);
    rest = str_slice(rest, 0, (size_t)question);
  }
  if (rest.len == 0 || rest.ptr[0] != '/') // "mailto:x" has neither host nor path
    return ret_url->scheme.len > 0;
  if (ret_url->scheme.len && str_starts(rest, STR("//")) && !take_authority(&rest, &ret_url->host))
    return false;
  ret_url->path = rest;
  return escapes_ok(rest);
}

static void write_unescaped(struct buf *out, struct str text, bool plus) {
  for (size_t i = 0; i < text.len; i++) {
    if (is_escape(text, i)) {
      char digits[3] = {text.ptr[i + 1], text.ptr[i + 2], '\0'};
      unsigned value = 0;
      for (size_t d = 0; d < 2; d++)
        value = value * 16 + (unsigned)(isdigit((unsigned char)digits[d])
                                            ? digits[d] - '0'
                                            : tolower((unsigned char)digits[d]) - 'a' + 10);
      buf_add_char(out, (char)value);
      i += 2;
    } else {
      buf_add_char(out, plus && text.ptr[i] == '+' ? ' ' : text.ptr[i]);
    }
  }
}

static bool is_path_char(unsigned char c, bool as_written) {
  return isalnum(c) || (c && strchr("-_.~$&+,/:;=@", c)) ||
         (as_written && c && strchr("!'()*[]%", c));
}

static struct cel_value escaped_path(struct cel_run *run, struct str path) {
  struct buf plain, out;
  bool as_written = true;
  for (size_t i = 0; i < path.len; i++)
    as_written = as_written && is_path_char((unsigned char)path.ptr[i], true);
  if (as_written)
    return cel_string(path);
  buf_init(&plain, path.len + 1);
  buf_init(&out, 3 * path.len + 1);
  write_unescaped(&plain, path, false);
  for (size_t i = 0; i < plain.len; i++) {
    unsigned char c = (unsigned char)plain.ptr[i];
    if (is_path_char(c, false))
      buf_add_char(&out, (char)c);
    else
      buf_addf(&out, "%%%02X", c);
  }
  buf_dispose(&plain);
  return cel_take_text(run, &out);
}

struct cel_value cel_fn_url(struct cel_run *run, const struct cel_value *args) {
  struct cel_url url;
  if (!parse(args[0].text, &url))
    return cel_error(run->arena,
                     "URL parse error during conversion from string: parse \"%.*s\": invalid URI "
                     "for request",
                     STR_ARG(args[0].text));
  struct str *cut[] = {&url.query, &url.path, &url.host};
  for (size_t i = 0; i < 3; i++) { // what follows '#' is a fragment, and not shown
    ptrdiff_t hash = str_find_char(*cut[i], '#');
    if (hash >= 0)
      *cut[i] = str_slice(*cut[i], 0, (size_t)hash);
  }
  const struct cel_url *kept = arena_dup(run->arena, &url, sizeof url);
  return (struct cel_value){.kind = CEL_URL, .url = kept};
}

struct cel_value cel_fn_is_url(struct cel_run *run, const struct cel_value *args) {
  struct cel_url url;
  (void)run;
  return cel_bool(parse(args[0].text, &url));
}

struct cel_value cel_fn_url_scheme(struct cel_run *run, const struct cel_value *args) {
  struct cel_value lower =
      cel_fn_lower_ascii(run, (const struct cel_value[]){cel_string(args[0].url->scheme)});
  return lower;
}

struct cel_value cel_fn_url_host(struct cel_run *run, const struct cel_value *args) {
  struct buf out;
  buf_init(&out, args[0].url->host.len + 1);
  write_unescaped(&out, args[0].url->host, false);
  return cel_take_text(run, &out);
}

// Where ":port" begins.
static size_t port_at(struct str host) {
  size_t from = 0;
  ptrdiff_t end = host.len && host.ptr[0] == '[' ? str_find_char(host, ']') : -1;
  if (end >= 0)
    from = (size_t)end;
  for (size_t i = host.len; i-- > from;)
    if (host.ptr[i] == ':')
      return i;
  return host.len;
}

struct cel_value cel_fn_url_hostname(struct cel_run *run, const struct cel_value *args) {
  struct str host = args[0].url->host;
  struct buf out;
  host = str_slice(host, 0, port_at(host));
  if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
    host = str_slice(host, 1, host.len - 1);
  buf_init(&out, host.len + 1);
  write_unescaped(&out, host, false);
  return cel_take_text(run, &out);
}

struct cel_value cel_fn_url_port(struct cel_run *run, const struct cel_value *args) {
  struct str host = args[0].url->host;
  (void)run;
  return cel_string(str_slice(host, port_at(host) + 1, host.len));
}

struct cel_value cel_fn_url_path(struct cel_run *run, const struct cel_value *args) {
  return escaped_path(run, args[0].url->path);
}

static struct cel_value unescaped(struct cel_run *run, struct str text) {
  struct buf out;
  buf_init(&out, text.len + 1);
  write_unescaped(&out, text, true);
  return cel_take_text(run, &out);
}

// {"a": ["1", "2"]} of "a=1&a=2".
struct cel_value cel_fn_url_query(struct cel_run *run, const struct cel_value *args) {
  struct str rest = args[0].url->query, pair;
  size_t most = 1;
  for (size_t i = 0; i < rest.len; i++)
    most += rest.ptr[i] == '&';
  if (!cel_charge(run, most) || most > run->memory_limit / (4 * sizeof(struct cel_entry)))
    return cel_stopped();
  struct cel_value map = cel_map_new(run->arena, most);
  while (str_next(&rest, '&', &pair)) {
    ptrdiff_t equals = str_find_char(pair, '=');
    struct str name = equals < 0 ? pair : str_slice(pair, 0, (size_t)equals);
    struct str value = equals < 0 ? STR("") : str_slice(pair, (size_t)equals + 1, pair.len);
    if (pair.len == 0 || str_find_char(pair, ';') >= 0 || !escapes_ok(name) || !escapes_ok(value))
      continue;
    struct cel_value key = unescaped(run, name), one = unescaped(run, value), known;
    struct cel_value list = cel_list_new(run->arena, 1);
    if (key.kind == CEL_ERROR || one.kind == CEL_ERROR)
      return cel_stopped();
    list.list->items[0] = one;
    if (!cel_map_find(map.map, key, run->arena, &known)) {
      (void)cel_map_add(map.map, key, list, run->arena);
      continue;
    }
    const struct cel_value both[2] = {known, list};
    struct cel_value sum = cel_fn_add_lists(run, both);
    if (sum.kind == CEL_ERROR)
      return sum;
    *known.list = *sum.list;
  }
  return map;
}
