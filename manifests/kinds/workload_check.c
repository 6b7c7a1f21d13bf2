// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/workload_check.h"

void workload_check_selector(const struct label_selector *selector,
                             const struct pod_template *template_, struct check *check) {
  if (!selector->match_labels.count && !selector->match_expressions_count)
    check_error(check, "required", "selector", "must not be empty");
  else if (!label_selector_matches(selector, &template_->metadata.labels))
    check_error(check, "bad-value", "template.metadata.labels",
                "do not match spec.selector, so the Pods would not be its own");
  if (!str_eq_z(template_->spec.restart_policy, "Always"))
    check_error(check, "bad-value", "template.spec.restartPolicy", "must be Always here");
}
