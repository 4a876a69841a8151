/// What `--swift-protobuf-c_opt=Name=value,…` sets.
struct GeneratorOptions {
  enum Visibility: String {
    case `public`
    case `package`
    case `internal`
  }

  /// Who sees what is generated.
  var visibility = Visibility.package
  /// The module that holds protoc-c's output for the same files.
  var cModule = ""
  /// Modules that other proto files are generated into, by the files' directory or name.
  var modules: [(path: String, module: String)] = []
  /// Whether the messages may stand within messages of other modules, which must then see how they become C structs.
  var isEmbeddable = false

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
      case ("Module", let value):
        let parts = value.split(separator: ":").map(String.init)
        guard parts.count == 2 else {
          throw GenerationError("Module is DIRECTORY:MODULE or FILE:MODULE; not '\(value)'.")
        }
        modules.append((parts[0], parts[1]))
      case ("Embeddable", "true"): isEmbeddable = true
      case ("Embeddable", "false"): isEmbeddable = false
      default:
        throw GenerationError(
          "'\(option)' is no option; there are CModule, Visibility, Module and Embeddable.")
      }
    }
    guard !cModule.isEmpty else {
      throw GenerationError("CModule must name the module that holds protoc-c's output.")
    }
  }

  /// The Swift module that a file was generated into, if it is another one.
  func module(of file: String) -> String? {
    modules.first { file == $0.path || file.hasPrefix($0.path + "/") }?.module
  }
}
