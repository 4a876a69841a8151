/// How proto names are spelt in Swift.
enum SwiftNames {
  /// `belay.v1` → `BelayV1`.
  static func namespace(package: String) -> String {
    package.split(separator: ".").map { upperCamel(String($0)) }.joined()
  }

  /// A message's, an enum's or a oneof's type. Names that generated code itself uses get `Message` appended.
  static func type(_ name: String) -> String {
    let camel = upperCamel(name)
    return taken.contains(camel) ? camel + "Message" : camel
  }

  /// A field's property: `request_id` → `requestID`.
  static func property(_ name: String) -> String {
    let camel = lowerCamel(name)
    return unusable.contains(camel) ? camel + "_" : camel
  }

  /// A method: `StopSession` → `stopSession`.
  static func method(_ name: String) -> String { property(lowerFirst(name)) }

  /// A oneof's case. `none` would be taken for the optional's.
  static func oneofCase(_ name: String) -> String {
    let camel = property(name)
    return ["none", "some"].contains(camel) ? camel + "_" : camel
  }

  /// An enum's case, without the enum's own name: `STOP_MODE_GRACEFUL` of `StopMode` → `graceful`.
  static func enumCase(_ name: String, of enumeration: String) -> String {
    let prefix = upperSnake(enumeration) + "_"
    var short = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    if short.isEmpty || short.first?.isNumber == true { short = name }
    let camel = property(short.lowercased())
    return ["rawValue", "unrecognized", "allCases", "none", "some"].contains(camel)
      ? camel + "_" : camel
  }

  /// In backticks if it is a keyword.
  static func escaped(_ name: String) -> String { keywords.contains(name) ? "`\(name)`" : name }

  /// A member of a C struct, behind a dot: in backticks if it would mean something else there.
  static func escapedMember(_ name: String) -> String {
    unusable.contains(name) ? "`\(name)`" : escaped(name)
  }

  private static func lowerCamel(_ name: String) -> String {
    var words = name.split(separator: "_").map(String.init)
    guard let first = words.first else { return name }
    words[0] = lowerFirst(first)
    for index in words.indices.dropFirst() {
      words[index] = acronyms[words[index]] ?? upperFirst(words[index])
    }
    return words.joined()
  }

  private static func upperCamel(_ name: String) -> String {
    name.split(separator: "_").map { upperFirst(String($0)) }.joined()
  }

  private static func upperSnake(_ name: String) -> String {
    var result = ""
    var wasUpper = true
    for character in name {
      if character.isUppercase, !wasUpper { result += "_" }
      wasUpper = character.isUppercase
      result += character.uppercased()
    }
    return result
  }

  private static func upperFirst(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  private static func lowerFirst(_ word: String) -> String {
    word.prefix(1).lowercased() + word.dropFirst()
  }

  private static let acronyms = [
    "id": "ID", "ids": "IDs", "url": "URL", "urls": "URLs", "http": "HTTP", "https": "HTTPS",
    "ttl": "TTL",
  ]

  /// What these mean behind a dot is Swift's to say.
  private static let unusable: Set<String> = ["self", "Self", "init", "Type", "Protocol"]

  private static let taken: Set<String> = [
    "Any", "Type", "Self", "Protocol", "Array", "Bool", "Dictionary", "Double", "Float", "Int",
    "Int32", "Int64", "Optional", "String", "UInt32", "UInt64", "UInt8", "Void", "CaseIterable",
    "Equatable", "Hashable", "Hasher", "RawRepresentable", "Sendable", "UnsafeMutablePointer",
    "UnsafePointer", "CReading", "Indirect", "MapOrder", "MessageArena", "NamedMessage",
    "ProtobufError", "ProtoFile", "ProtoFiles",
    "WireCodec", "CallOptions", "MethodDescriptor", "RPCChannel", "RPCError", "RPCService",
    "RequestStream", "RequestWriter", "ResponseStream", "ResponseWriter", "Router",
    "ServerContext", "WireMessage",
  ]

  private static let keywords: Set<String> = [
    "as", "associatedtype", "borrowing", "break", "case", "catch", "class", "consuming",
    "continue", "default", "defer", "deinit", "do", "else", "enum", "extension", "fallthrough",
    "false", "fileprivate", "for", "func", "guard", "if", "import", "in", "inout", "internal",
    "is", "let", "nil", "operator", "package", "precedencegroup", "private", "protocol",
    "public", "repeat", "rethrows", "return", "static", "struct", "subscript", "super",
    "switch", "throw", "throws", "true", "try", "typealias", "var", "where", "while", "Any",
  ]
}
