// SPDX-License-Identifier: Apache-2.0
#include "proxy/head.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <string.h>

struct known_name {
  struct str text;
  unsigned flags;
};

static const struct known_name known[HEAD_NAME_COUNT] = {
#define XX(name, text, flags) [HEAD_##name] = {STR(text), (flags)},
    HEAD_NAME_MAP(XX)
#undef XX
};

// Lower case of the bytes that may stand in a token (RFC 9110 5.6.2), 0 for all others.
static const unsigned char token_lower[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
    ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|',
    ['~'] = '~', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',   ['5'] = '5',
    ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['A'] = 'a', ['B'] = 'b',   ['C'] = 'c',
    ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i',   ['J'] = 'j',
    ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p',   ['Q'] = 'q',
    ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w',   ['X'] = 'x',
    ['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',   ['e'] = 'e',
    ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',   ['l'] = 'l',
    ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',   ['s'] = 's',
    ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',   ['z'] = 'z',
};

void head_init(struct head *head) {
  // The fields need no clearing: count says which are there.
  memset(head, 0, offsetof(struct head, first));
  head->fields = head->first;
  head->room = HEAD_FIELDS_FIRST;
}

static bool has_grown(const struct head *head) {
  return head->fields != head->first;
}

void head_dispose(struct head *head) {
  if (has_grown(head))
    xfree(head->fields);
}

void head_reset(struct head *head) {
  memset(head, 0, offsetof(struct head, room));
}

__attribute__((cold, noinline)) static void grow(struct head *head) {
  BUG_ON(has_grown(head));
  struct head_field *fields = xmalloc(HEAD_FIELDS_ROOM * sizeof(*fields));
  memcpy(fields, head->first, sizeof(head->first));
  head->fields = fields;
  head->room = HEAD_FIELDS_ROOM;
}

#define NAME_LENGTH_MAX 40u
static const unsigned char lengths[HEAD_NAME_COUNT] = {
#define XX(name, text, flags) [HEAD_##name] = sizeof(text) - 1,
    HEAD_NAME_MAP(XX)
#undef XX
};

static uint64_t bit_of(enum head_name id) {
  return UINT64_C(1) << id;
}

// The bits of all names with one of these flags.
static uint64_t names_with(unsigned flags) {
  uint64_t bits = 0;
#define XX(name, text, its_flags) bits |= ((its_flags)&flags) ? bit_of(HEAD_##name) : 0;
  HEAD_NAME_MAP(XX)
#undef XX
  return bits;
}

// HEAD_NAME_MAP is sorted by length.
static enum head_name name_find(struct str name) {
  if (name.len == 0 || name.len > NAME_LENGTH_MAX)
    return HEAD_OTHER;
  const unsigned char *at = memchr(lengths, (int)name.len, HEAD_NAME_COUNT);
  size_t i = at ? (size_t)(at - lengths) : HEAD_NAME_COUNT;
  for (; i < HEAD_NAME_COUNT && lengths[i] == name.len; i++) {
    const char *text = known[i].text.ptr;
    // The first byte tells most of them apart without a call.
    if (text[0] == name.ptr[0] && memcmp(text, name.ptr, name.len) == 0)
      return (enum head_name)i;
  }
  return HEAD_OTHER;
}

enum head_name head_name_find(struct str text) {
  char lower[NAME_LENGTH_MAX];
  if (text.len > NAME_LENGTH_MAX)
    return HEAD_OTHER;
  for (size_t i = 0; i < text.len; i++)
    lower[i] = (char)token_lower[(unsigned char)text.ptr[i]];
  return name_find((struct str){lower, text.len});
}

static bool may_have(const struct head *head, enum head_name id) {
  return (head->present & bit_of(id)) != 0;
}

static void append(struct head *head, struct str name, struct str value, enum head_name id) {
  if (head->count == head->room)
    grow(head);
  head->present |= bit_of(id);
  head->fields[head->count++] = (struct head_field){name, value, id};
}

size_t head_lower_token(char *text, size_t len) {
  size_t i = 0;
  for (unsigned char lower; i < len && (lower = token_lower[(unsigned char)text[i]]) != 0; i++)
    text[i] = (char)lower;
  return i;
}

void head_add_lower(struct head *head, struct str lower_name, struct str value) {
  append(head, lower_name, value, name_find(lower_name));
}

void head_add(struct head *head, enum head_name id, struct str value) {
  append(head, known[id].text, value, id);
}

bool head_add_name(struct head *head, struct str lower_name, struct str value) {
  if (head->count >= HEAD_FIELDS_ROOM - HEAD_FIELDS_OWN)
    return false;
  append(head, lower_name, value, name_find(lower_name));
  return true;
}

struct head_field *head_find(struct head *head, enum head_name id) {
  if (!may_have(head, id))
    return NULL;
  for (unsigned i = 0; i < head->count; i++) {
    if (head->fields[i].id == id)
      return &head->fields[i];
  }
  return NULL;
}

const struct head_field *head_find_name(const struct head *head, struct str lower_name) {
  for (unsigned i = 0; i < head->count; i++) {
    if (str_eq(head->fields[i].name, lower_name))
      return &head->fields[i];
  }
  return NULL;
}

unsigned head_count(const struct head *head, enum head_name id) {
  unsigned count = 0;
  for (unsigned i = 0; may_have(head, id) && i < head->count; i++)
    count += head->fields[i].id == id;
  return count;
}

void head_remove(struct head *head, enum head_name id) {
  unsigned kept = 0;
  if (!may_have(head, id))
    return;
  for (unsigned i = 0; i < head->count; i++) {
    if (head->fields[i].id != id)
      head->fields[kept++] = head->fields[i];
  }
  head->count = kept;
}

void head_remove_name(struct head *head, struct str lower_name) {
  unsigned kept = 0;
  while (kept < head->count && !str_eq(head->fields[kept].name, lower_name))
    kept++;
  for (unsigned i = kept; i < head->count; i++) {
    if (!str_eq(head->fields[i].name, lower_name))
      head->fields[kept++] = head->fields[i];
  }
  head->count = kept;
}

bool head_has_flagged(const struct head *head, unsigned flags) {
  for (unsigned i = 0; i < head->count; i++) {
    if (known[head->fields[i].id].flags & flags)
      return true;
  }
  return false;
}

void head_remove_flagged(struct head *head, unsigned flags) {
  unsigned kept = 0;
  if (!(head->present & names_with(flags)))
    return;
  for (unsigned i = 0; i < head->count; i++) {
    if (!(known[head->fields[i].id].flags & flags))
      head->fields[kept++] = head->fields[i];
  }
  head->count = kept;
}

void head_set(struct head *head, enum head_name id, struct str value) {
  struct head_field *first = head_find(head, id);
  if (!first) {
    head_add(head, id, value);
    return;
  }
  first->value = value;
  unsigned kept = (unsigned)(first - head->fields) + 1;
  for (unsigned i = kept; i < head->count; i++) {
    if (head->fields[i].id != id)
      head->fields[kept++] = head->fields[i];
  }
  head->count = kept;
}

struct str head_name_text(enum head_name id) {
  return known[id].text;
}

unsigned head_name_flags(enum head_name id) {
  return known[id].flags;
}

struct known_method {
  struct str text;
  bool is_idempotent; // RFC 9110 9.2.2
};

// RFC 9110, PATCH, and the WebDAV and other methods that Envoy reads by default; most used first.
static const struct known_method methods[] = {
    {STR("GET"), true},         {STR("POST"), false},      {STR("PUT"), true},
    {STR("DELETE"), true},      {STR("HEAD"), true},       {STR("PATCH"), false},
    {STR("OPTIONS"), true},     {STR("CONNECT"), false},   {STR("TRACE"), true},
    {STR("ACL"), false},        {STR("BIND"), false},      {STR("CHECKOUT"), false},
    {STR("COPY"), false},       {STR("LINK"), false},      {STR("LOCK"), false},
    {STR("M-SEARCH"), false},   {STR("MERGE"), false},     {STR("MKACTIVITY"), false},
    {STR("MKCALENDAR"), false}, {STR("MKCOL"), false},     {STR("MOVE"), false},
    {STR("NOTIFY"), false},     {STR("PROPFIND"), false},  {STR("PROPPATCH"), false},
    {STR("PURGE"), false},      {STR("REBIND"), false},    {STR("REPORT"), false},
    {STR("SEARCH"), false},     {STR("SUBSCRIBE"), false}, {STR("UNBIND"), false},
    {STR("UNLINK"), false},     {STR("UNLOCK"), false},    {STR("UNSUBSCRIBE"), false},
};

bool head_classify_method(struct head *head) {
  size_t i = 0;
  while (i < ARRAY_LEN(methods) && !str_eq(head->method, methods[i].text))
    i++;
  head->is_head = str_eq(head->method, STR("HEAD"));
  head->is_connect = str_eq(head->method, STR("CONNECT"));
  head->is_idempotent = i < ARRAY_LEN(methods) && methods[i].is_idempotent;
  return i < ARRAY_LEN(methods);
}

bool head_list_has(struct str list, struct str token) {
  struct str part;
  while (str_next(&list, ',', &part)) {
    if (str_eq_nocase(str_trim(part), token))
      return true;
  }
  return false;
}

bool head_takes_trailers(const struct head *head) {
  for (unsigned i = 0; i < head->count; i++) {
    if (head->fields[i].id == HEAD_TE && head_list_has(head->fields[i].value, STR("trailers")))
      return true;
  }
  return false;
}

bool head_is_token(struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    if (token_lower[(unsigned char)text.ptr[i]] == 0)
      return false;
  }
  return text.len > 0;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool port_is_valid(struct str port) {
  if (port.len == 0 || port.len > 5)
    return false;
  unsigned value = 0;
  for (size_t i = 0; i < port.len; i++) {
    if (!is_digit(port.ptr[i]))
      return false;
    value = value * 10 + (unsigned)(port.ptr[i] - '0');
  }
  return value <= 65535;
}

// Bytes of a reg-name (RFC 3986 3.2.2) but the percent sign.
static const bool host_byte[256] = {
    ['-'] = true,         ['.'] = true,         ['_'] = true,  ['~'] = true, ['!'] = true,
    ['$'] = true,         ['&'] = true,         ['\''] = true, ['('] = true, [')'] = true,
    ['*'] = true,         ['+'] = true,         [';'] = true,  ['='] = true, ['0' ... '9'] = true,
    ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

static bool is_ipv6_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

bool head_authority_is_valid(struct str authority) {
  size_t i = 0;
  if (authority.len == 0 || authority.len > 1024)
    return false;
  if (authority.ptr[0] == '[') {
    for (i = 1; i < authority.len && is_ipv6_byte(authority.ptr[i]); i++)
      ;
    if (i < 3 || i >= authority.len || authority.ptr[i] != ']')
      return false;
    i++;
  } else {
    for (; i < authority.len && host_byte[(unsigned char)authority.ptr[i]]; i++)
      ;
    if (i == 0)
      return false;
  }
  if (i == authority.len)
    return true;
  return authority.ptr[i] == ':' && port_is_valid(str_slice(authority, i + 1, authority.len));
}
