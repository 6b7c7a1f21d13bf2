// SPDX-License-Identifier: Apache-2.0
// Ranges of addresses, and which addresses are the Internet's.
#include "manifests/source/net_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct sockaddr_storage address_of(const char *text) {
  struct sockaddr_storage address;
  assert_true(net_address_parse(str_of(text), &address));
  return address;
}

static void ranges_are_parsed(void **state) {
  (void)state;
  static const char *const good[] = {"0.0.0.0/0", "10.0.0.0/8", "1.2.3.4/32",
                                     "::/0",      "fd00::/8",   "::1/128"};
  static const char *const bad[] = {
      "",       "/",           "10.0.0.0", "10.0.0.0/", "10.0.0.0/33",  "10.0.0.0/08", "10.0.0/8",
      "::/129", "10.0.0.0/-1", "[::]/0",   "a/8",       "10.0.0.0/8/8", " 10.0.0.0/8"};
  struct net_range range;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    assert_true(net_range_parse(str_of(good[i]), &range));
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(net_range_parse(str_of(bad[i]), &range));
  assert_false(net_range_parse((struct str){"10.0.0.0\0/8", 11}, &range));
}

static void ranges_have_addresses(void **state) {
  (void)state;
  static const struct {
    const char *range, *address;
    bool has;
  } rows[] = {{"10.0.0.0/8", "10.255.255.255", true},
              {"10.0.0.0/8", "11.0.0.0", false},
              {"10.128.0.0/9", "10.127.0.1", false},
              {"10.128.0.0/9", "10.128.0.1", true},
              {"1.2.3.4/32", "1.2.3.4", true},
              {"1.2.3.4/32", "1.2.3.5", false},
              {"0.0.0.0/0", "8.8.8.8", true},
              {"0.0.0.0/0", "2606::1", false},
              {"::/0", "2606::1", true},
              {"::/0", "8.8.8.8", false},
              {"10.0.0.0/8", "::ffff:10.1.1.1", true},
              {"10.0.0.0/8", "64:ff9b::10.1.1.1", true},
              {"fd00::/8", "fd12::1", true},
              {"fd00::/8", "[fc00::1]", false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct net_range range;
    struct sockaddr_storage address = address_of(rows[i].address);
    assert_true(net_range_parse(str_of(rows[i].range), &range));
    assert_int_equal(net_range_has(&range, (struct sockaddr *)&address), rows[i].has);
  }
}

static void only_the_internet_is_public(void **state) {
  (void)state;
  static const char *const public[] = {
      "1.1.1.1",        "8.8.8.8",         "99.255.255.255",       "100.128.0.1",
      "172.15.0.1",     "172.32.0.1",      "192.169.0.1",          "223.255.255.255",
      "168.63.129.17",  "2606:4700::1111", "2001:4860:4860::8888", "2a00::1",
      "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"};
  static const char *const not_public[] = {"0.0.0.0",
                                           "10.0.0.1",
                                           "10.255.255.255",
                                           "100.64.0.1",
                                           "100.100.100.200",
                                           "100.127.255.255",
                                           "127.0.0.1",
                                           "127.255.255.255",
                                           "168.63.129.16",
                                           "169.254.169.254",
                                           "169.254.0.1",
                                           "172.16.0.1",
                                           "172.31.255.255",
                                           "192.0.0.192",
                                           "192.0.2.1",
                                           "192.168.0.1",
                                           "198.18.0.1",
                                           "198.19.255.255",
                                           "224.0.0.1",
                                           "239.255.255.255",
                                           "240.0.0.1",
                                           "255.255.255.255",
                                           "::",
                                           "::1",
                                           "fe80::1",
                                           "fe80::1%eth0",
                                           "fd00:ec2::254",
                                           "fc00::1",
                                           "ff02::1",
                                           "2001:db8::1",
                                           "2001::1",
                                           "2002:7f00:1::",
                                           "::127.0.0.1",
                                           "::ffff:127.0.0.1",
                                           "::ffff:169.254.169.254",
                                           "64:ff9b::10.0.0.1",
                                           "64:ff9b::169.254.169.254",
                                           "64:ff9b:1::1",
                                           "100::1",
                                           "[::1]"};
  for (size_t i = 0; i < sizeof public / sizeof public[0]; i++) {
    struct sockaddr_storage address = address_of(public[i]);
    assert_true(net_is_public((struct sockaddr *)&address));
  }
  for (size_t i = 0; i < sizeof not_public / sizeof not_public[0]; i++) {
    struct sockaddr_storage address = address_of(not_public[i]);
    assert_false(net_is_public((struct sockaddr *)&address));
  }
  struct sockaddr local = {.sa_family = AF_UNIX};
  assert_false(net_is_public(&local));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_are_parsed),
      cmocka_unit_test(ranges_have_addresses),
      cmocka_unit_test(only_the_internet_is_public),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
