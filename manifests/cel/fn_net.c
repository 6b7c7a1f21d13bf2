// SPDX-License-Identifier: Apache-2.0
// ip() and cidr(). Source: Kubernetes' documentation, "CEL in Kubernetes", IP and CIDR libraries.
#include "manifests/cel/functions.h"
#include "manifests/cel/net.h"

#include <string.h>

static struct cel_value boxed(struct cel_run *run, enum cel_kind kind, struct cel_address address) {
  const struct cel_address *kept = arena_dup(run->arena, &address, sizeof address);
  return (struct cel_value){.kind = kind, .address = kept};
}

// --- Addresses

struct cel_value cel_fn_ip(struct cel_run *run, const struct cel_value *args) {
  struct cel_address address;
  const char *why;
  if (cel_parse_ip(args[0].text, &address, &why))
    return boxed(run, CEL_IP, address);
  return cel_error(run->arena, "IP Address \"%.*s\" parse error during conversion from string: %s",
                   STR_ARG(args[0].text), why);
}

struct cel_value cel_fn_is_ip(struct cel_run *run, const struct cel_value *args) {
  struct cel_address address;
  const char *why;
  (void)run;
  return cel_bool(cel_parse_ip(args[0].text, &address, &why));
}

struct cel_value cel_fn_ip_is_canonical(struct cel_run *run, const struct cel_value *args) {
  struct cel_value ip = cel_fn_ip(run, args);
  struct buf text;
  if (ip.kind == CEL_ERROR)
    return ip;
  buf_init(&text, 64);
  cel_write_address(&text, ip);
  bool same = str_eq(buf_str(&text), args[0].text);
  buf_dispose(&text);
  return cel_bool(same);
}

static bool is_all(const struct cel_address *a, unsigned char byte) {
  for (size_t i = 0; i < a->size; i++)
    if (a->bytes[i] != byte)
      return false;
  return true;
}

static bool is_loopback(const struct cel_address *a) {
  static const unsigned char one[16] = {[15] = 1};
  return a->size == 4 ? a->bytes[0] == 127 : memcmp(a->bytes, one, 16) == 0;
}

static bool is_multicast(const struct cel_address *a) {
  return a->size == 4 ? (a->bytes[0] & 0xf0) == 0xe0 : a->bytes[0] == 0xff;
}

static bool is_local_unicast(const struct cel_address *a) {
  return a->size == 4 ? a->bytes[0] == 169 && a->bytes[1] == 254
                      : a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static bool is_local_multicast(const struct cel_address *a) {
  return a->size == 4 ? a->bytes[0] == 224 && a->bytes[1] == 0 && a->bytes[2] == 0
                      : a->bytes[0] == 0xff && (a->bytes[1] & 0x0f) == 2;
}

struct cel_value cel_fn_ip_family(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_int(args[0].address->size == 4 ? 4 : 6);
}

struct cel_value cel_fn_ip_is_unspecified(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(is_all(args[0].address, 0));
}

struct cel_value cel_fn_ip_is_loopback(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(is_loopback(args[0].address));
}

struct cel_value cel_fn_ip_is_local_multicast(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(is_local_multicast(args[0].address));
}

struct cel_value cel_fn_ip_is_local_unicast(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(is_local_unicast(args[0].address));
}

struct cel_value cel_fn_ip_is_global_unicast(struct cel_run *run, const struct cel_value *args) {
  const struct cel_address *a = args[0].address;
  (void)run;
  bool nobody = is_all(a, 0) || (a->size == 4 && is_all(a, 0xff));
  return cel_bool(!nobody && !is_loopback(a) && !is_multicast(a) && !is_local_unicast(a));
}

// --- Networks

struct cel_value cel_fn_cidr(struct cel_run *run, const struct cel_value *args) {
  struct cel_address address;
  const char *why;
  if (cel_parse_cidr(args[0].text, &address, &why))
    return boxed(run, CEL_CIDR, address);
  return cel_error(run->arena,
                   "network address parse error during conversion from string: %s: \"%.*s\"", why,
                   STR_ARG(args[0].text));
}

struct cel_value cel_fn_is_cidr(struct cel_run *run, const struct cel_value *args) {
  struct cel_address address;
  const char *why;
  (void)run;
  return cel_bool(cel_parse_cidr(args[0].text, &address, &why));
}

static struct cel_address masked(const struct cel_address *network, unsigned bits) {
  struct cel_address result = *network;
  for (unsigned i = 0; i < result.size; i++) {
    unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
    if (kept < 8)
      result.bytes[i] &= (unsigned char)(0xff00 >> kept);
  }
  return result;
}

static bool contains(const struct cel_address *network, const struct cel_address *inner) {
  struct cel_address a = masked(network, network->bits), b = masked(inner, network->bits);
  return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

struct cel_value cel_fn_cidr_contains_ip(struct cel_run *run, const struct cel_value *args) {
  struct cel_value ip = args[1].kind == CEL_STRING ? cel_fn_ip(run, &args[1]) : args[1];
  return ip.kind == CEL_ERROR ? ip : cel_bool(contains(args[0].address, ip.address));
}

struct cel_value cel_fn_cidr_contains_cidr(struct cel_run *run, const struct cel_value *args) {
  struct cel_value inner = args[1].kind == CEL_STRING ? cel_fn_cidr(run, &args[1]) : args[1];
  if (inner.kind == CEL_ERROR)
    return inner;
  return cel_bool(args[0].address->bits <= inner.address->bits &&
                  contains(args[0].address, inner.address));
}

struct cel_value cel_fn_cidr_ip(struct cel_run *run, const struct cel_value *args) {
  struct cel_address address = *args[0].address;
  address.bits = (unsigned char)(address.size * 8);
  return boxed(run, CEL_IP, address);
}

struct cel_value cel_fn_cidr_masked(struct cel_run *run, const struct cel_value *args) {
  return boxed(run, CEL_CIDR, masked(args[0].address, args[0].address->bits));
}

struct cel_value cel_fn_cidr_prefix_length(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_int(args[0].address->bits);
}
