// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/shim_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// This program again, looking like a shim until its standard input ends.
static pid_t start_shim(const char *folder, int *ret_end) {
  int input[2], ready[2];
  char byte;
  assert_int_equal(pipe(input), 0);
  assert_int_equal(pipe(ready), 0);
  pid_t pid = fork();
  if (pid == 0) {
    close(input[1]);
    dup2(input[0], 0);
    dup2(ready[1], 1);
    execl("/proc/self/exe", "serin", "shim", folder, "team1/web", (char *)NULL);
    _exit(127);
  }
  close(input[0]);
  close(ready[1]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  *ret_end = input[1];
  return pid;
}

static void test_a_shim_that_runs_is_waited_for(void **state) {
  (void)state;
  struct err err = {0};
  int end;
  pid_t pid = start_shim("/nowhere/pods/uid-1/web", &end);
  char name[32];
  snprintf(name, sizeof name, "pid %d ", (int)pid);
  assert_int_equal(shim_wait_all("/nowhere/pods", 20, &err), RC_TIMEOUT);
  assert_non_null(strstr(err.msg, name));
  close(end);
  assert_int_equal(shim_wait_all("/nowhere/pods", 60000, &err), RC_OK);
  assert_int_equal(waitpid(pid, NULL, 0), pid); // it ends, if it has not yet ended altogether
}

static void test_shims_of_other_folders_are_not(void **state) {
  (void)state;
  struct err err = {0};
  int end;
  pid_t pid = start_shim("/nowhere/pods2/uid-1/web", &end);
  assert_int_equal(shim_wait_all("/nowhere/pods", 0, &err), RC_OK);
  close(end);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(int argc, char **argv) {
  char byte;
  if (argc > 1 && strcmp(argv[1], "shim") == 0)
    return write(1, "r", 1) == 1 && read(0, &byte, 1) == 0 ? 0 : 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_shim_that_runs_is_waited_for),
      cmocka_unit_test(test_shims_of_other_folders_are_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
