/// `nightly` of `jobs/nightly`.
func lastPart(_ name: String) -> String {
  name.split(separator: "/").last.map(String.init) ?? name
}

/// `jobs/nightly` of `nightly` or `jobs/nightly`.
func fullName(_ name: String, in collection: String) -> String {
  name.hasPrefix(collection + "/") ? name : collection + "/" + name
}
