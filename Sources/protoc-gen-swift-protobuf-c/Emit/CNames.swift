/// How protoc-c 1.4 spells proto names in C (protobuf-c, `protoc-c/c_helpers.cc`).
enum CNames {
  /// `.belay.v1.Job` → `Belay__V1__Job`.
  static func type(_ fullName: String) -> String {
    fullName.split(separator: ".").map { camel(String($0)) }.joined(separator: "__")
  }

  /// `.belay.v1.JobObject` → `belay__v1__job_object__init`.
  static func initializer(_ fullName: String) -> String {
    fullName.split(separator: ".").map { snake(String($0)) }.joined(separator: "__") + "__init"
  }

  /// A field's member: lower case, and with `_` behind a word of C or C++.
  static func member(_ field: String) -> String {
    let name = field.lowercased()
    return keywords.contains(name) ? name + "_" : name
  }

  /// The member that counts a repeated field's values.
  static func count(_ field: String) -> String { "n_" + member(field) }

  /// The member that says which field of a oneof is set.
  static func oneofCase(_ oneof: String) -> String { snake(oneof) + "_case" }

  private static func camel(_ name: String) -> String {
    var result = ""
    var isUpperNext = true
    for character in name {
      if character == "_" {
        isUpperNext = true
      } else {
        result += isUpperNext ? character.uppercased() : String(character)
        isUpperNext = false
      }
    }
    return result
  }

  private static func snake(_ name: String) -> String {
    var result = ""
    var wasUpper = true
    for character in name {
      if character.isUppercase, !wasUpper { result += "_" }
      result += character.lowercased()
      wasUpper = character.isUppercase
    }
    return result
  }

  private static let keywords: Set<String> = [
    "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "class", "compl", "const", "const_cast", "continue", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "explicit", "extern", "false", "float", "for", "friend",
    "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "not", "not_eq",
    "operator", "or", "or_eq", "private", "protected", "public", "register",
    "reinterpret_cast", "return", "short", "signed", "sizeof", "static", "static_cast",
    "struct", "switch", "template", "this", "throw", "true", "try", "typedef", "typeid",
    "typename", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while",
    "xor", "xor_eq",
  ]
}
