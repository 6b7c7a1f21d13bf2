// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/object_meta.h"

#include "manifests/schema/format.h"

static const struct field owner_reference_fields[] = {
    F_STRING(struct owner_reference, api_version, "apiVersion", .required = true,
             .doc = "Group and version of the owner."),
    F_STRING(struct owner_reference, kind, "kind", .required = true, .doc = "Kind of the owner."),
    F_STRING(struct owner_reference, name, "name", .required = true, .doc = "Name of the owner."),
    F_STRING(struct owner_reference, uid, "uid", .required = true, .doc = "Uid of the owner."),
    F_BOOL(struct owner_reference, controller, "controller",
           .doc = "Whether this owner manages the object."),
    F_BOOL(struct owner_reference, block_owner_deletion, "blockOwnerDeletion",
           .doc = "A foreground deletion of the owner waits for this object."),
};
static const struct schema owner_reference_schema =
    SCHEMA("OwnerReference", struct owner_reference, owner_reference_fields, .atomic = true,
           .doc = "An object that this one belongs to and is deleted with.");

static const struct field meta_fields[] = {
    F_STRING(struct object_meta, name, "name", .doc = "Unique within the namespace and kind."),
    F_STRING(struct object_meta, generate_name, "generateName",
             .doc = "Prefix of a name that the server completes."),
    F_STRING(struct object_meta, namespace_, "namespace", .format = &format_dns_label,
             .doc = "The namespace the object lives in."),
    F_STRING(struct object_meta, self_link, "selfLink", .doc = "No longer set by servers."),
    F_STRING(struct object_meta, uid, "uid", .read_only = true,
             .doc = "Set by the server, unique for ever."),
    F_STRING(struct object_meta, resource_version, "resourceVersion",
             .doc = "Revision of the object; a write that names an old one is refused."),
    F_INT(struct object_meta, generation, "generation", .read_only = true,
          .doc = "Moves with every change of the spec."),
    F_TIME(struct object_meta, creation_timestamp_ms, "creationTimestamp", .read_only = true,
           .doc = "When the object was created."),
    F_TIME(struct object_meta, deletion_timestamp_ms, "deletionTimestamp", .read_only = true,
           .doc = "When its deletion was asked for."),
    F_INT_OPT(struct object_meta, deletion_grace_period_s, "deletionGracePeriodSeconds",
              .read_only = true, .doc = "Seconds left to end gracefully."),
    F_STRING_MAP(struct object_meta, labels, "labels", F_RANGE(0, 4096), F_LABELS,
                 .doc = "Names and values that selectors match."),
    F_STRING_MAP(struct object_meta, annotations, "annotations",
                 .doc = "Names and values for tools."),
    F_LIST(struct object_meta, owner_references, "ownerReferences", &owner_reference_schema,
           .merge_key = "uid", .doc = "Objects that this one belongs to."),
    F_STRINGS(struct object_meta, finalizers, "finalizers", .is_set = true,
              .doc = "What has to happen before the object may go."),
    F_JSON(struct object_meta, managed_fields, "managedFields",
           .doc = "Who set which field (server-side apply)."),
};
const struct schema object_meta_schema = SCHEMA("ObjectMeta", struct object_meta, meta_fields,
                                                .doc = "Standard metadata of every object.");

const struct owner_reference *object_meta_controller(const struct object_meta *meta) {
  for (size_t i = 0; i < meta->owner_references_count; i++)
    if (meta->owner_references[i].controller)
      return &meta->owner_references[i];
  return NULL;
}

bool object_meta_has_finalizer(const struct object_meta *meta, const char *finalizer) {
  for (size_t i = 0; i < meta->finalizers_count; i++)
    if (str_eq_z(meta->finalizers[i], finalizer))
      return true;
  return false;
}

static const struct field condition_fields[] = {
    F_STRING(struct condition, type, "type", .required = true, .doc = "Name of the condition."),
    F_STRING(struct condition, status, "status", .required = true,
             .doc = "True, False or Unknown."),
    F_INT_OPT(struct condition, observed_generation, "observedGeneration",
              .doc = "Generation the condition speaks of."),
    F_TIME(struct condition, last_transition_time_ms, "lastTransitionTime",
           .doc = "When the status last changed."),
    F_TIME(struct condition, last_update_time_ms, "lastUpdateTime",
           .doc = "When the condition was last written."),
    F_TIME(struct condition, last_probe_time_ms, "lastProbeTime",
           .doc = "When the condition was last checked."),
    F_STRING(struct condition, reason, "reason", .doc = "One word for programs."),
    F_STRING(struct condition, message, "message", .doc = "A sentence for people."),
};
const struct schema condition_schema = SCHEMA("Condition", struct condition, condition_fields,
                                              .doc = "One aspect of the object's state.");

const struct condition *condition_find(const struct condition *items, size_t count,
                                       const char *type) {
  for (size_t i = 0; i < count; i++)
    if (str_eq_z(items[i].type, type))
      return &items[i];
  return NULL;
}

static const struct field object_reference_fields[] = {
    F_STRING(struct object_reference, kind, "kind"),
    F_STRING(struct object_reference, namespace_, "namespace"),
    F_STRING(struct object_reference, name, "name"),
    F_STRING(struct object_reference, uid, "uid"),
    F_STRING(struct object_reference, api_version, "apiVersion"),
    F_STRING(struct object_reference, resource_version, "resourceVersion"),
    F_STRING(struct object_reference, field_path, "fieldPath",
             .doc = "Part of the object that is meant."),
};
const struct schema object_reference_schema =
    SCHEMA("ObjectReference", struct object_reference, object_reference_fields, .atomic = true,
           .doc = "Names another object.");
