/// What `--swift-protobuf-c_opt=Name=value,…` sets.
struct GeneratorOptions: Equatable {
  enum Visibility: String {
    case `public`
    case `package`
    case `internal`
  }

  /// Who sees what is generated.
  var visibility = Visibility.package
  /// The module that holds protoc-c's output for the same files.
  var cModule = ""

  init(parameter: String) throws(GenerationError) {
    for option in parameter.split(separator: ",") {
      let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
      switch (parts.first, parts.count == 2 ? parts[1] : "") {
      case ("Visibility", let value):
        guard let visibility = Visibility(rawValue: value) else {
          throw GenerationError("Visibility is one of public, package, internal; not '\(value)'.")
        }
        self.visibility = visibility
      case ("CModule", let value): cModule = value
      default: throw GenerationError("'\(option)' is no option; there are Visibility and CModule.")
      }
    }
    guard !cModule.isEmpty else {
      throw GenerationError("CModule must name the module that holds protoc-c's output.")
    }
  }
}
