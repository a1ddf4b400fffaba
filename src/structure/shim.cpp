// gemmi behind a C interface: see shim.h. gemmi's own trees live only inside these functions;
// what leaves them is a fmpnn_document, so that a structure costs little memory.
#define GEMMI_WRITE_IMPLEMENTATION
// Debian's gemmi comes without the formatter that it bundles; snprintf serves as well once the
// locale is out of the way (decimal_point).
#define USE_STD_SNPRINTF
#include <cctype>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <new>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <gemmi/cif.hpp>
#include <gemmi/model.hpp>
#include <gemmi/numb.hpp>
#include <gemmi/pdb.hpp>
#include <gemmi/polyheur.hpp>
#include <gemmi/resinfo.hpp>
#include <gemmi/to_cif.hpp>
#include <gemmi/to_mmcif.hpp>
#include <gemmi/to_pdb.hpp>

extern "C" {
#include "structure/element.h"
#include "structure/names.h"
#include "structure/pdb.h"
#include "structure/shim.h"
#include "structure/structure.h"
}

namespace
{

// A failure found on this side; becomes FMPNN_EFORMAT. gemmi's own are runtime_error too.
struct malformed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Run `work`, turning whatever it throws into a status.
template <typename Work> fmpnn_status guarded(const char *name, fmpnn_error *err, Work work)
{
    try {
        work();
        return FMPNN_OK;
    } catch (const std::bad_alloc &) {
        return fmpnn_fail(err, FMPNN_ENOMEM, "%s: out of memory while reading", name);
    } catch (const std::exception &problem) {
        // positions of the CIF grammar come as "NAME:line:column: ...": do not name it twice
        size_t size = std::strlen(name);
        bool named =
            !std::strncmp(problem.what(), name, size) && problem.what()[size] == ':';
        return named ? fmpnn_fail(err, FMPNN_EFORMAT, "%s", problem.what())
                     : fmpnn_fail(err, FMPNN_EFORMAT, "%s: %s", name, problem.what());
    }
}

// While it lives, this thread prints numbers with a decimal point, whatever the program's locale.
class decimal_point
{
  public:
    decimal_point() : before_(fmpnn_locale_leave())
    {
    }
    ~decimal_point()
    {
        fmpnn_locale_back(before_);
    }
    decimal_point(const decimal_point &) = delete;
    decimal_point &operator=(const decimal_point &) = delete;

  private:
    void *before_;
};

template <size_t size> void copy_cut(char (&dst)[size], const std::string &src)
{
    size_t used = src.copy(dst, size - 1);
    dst[used] = '\0';
}

template <size_t size>
void copy_name(char (&dst)[size], const std::string &src, const char *what)
{
    if (src.size() >= size)
        throw malformed(std::string(what) + " \"" + src.substr(0, 60) + "\" has " +
                        std::to_string(src.size()) + " characters, at most " +
                        std::to_string(size - 1) + " are supported");
    for (char c : src)
        if (!std::isgraph(static_cast<unsigned char>(c)))
            throw malformed(std::string(what) +
                            " contains a blank or a character that cannot be printed");
    copy_cut(dst, src);
}

// What was collected, as flat tables: atoms sorted by group, else in file order.
fmpnn_document *flatten(const std::vector<fmpnn_group> &groups,
                        const std::vector<fmpnn_atom> &atoms,
                        const std::vector<size_t> &group_of)
{
    fmpnn_document *document = fmpnn_document_create(groups.size(), atoms.size());
    if (!document)
        throw std::bad_alloc();
    std::copy(groups.begin(), groups.end(), document->group);
    for (size_t g : group_of)
        document->group[g].count++;
    for (size_t g = 1; g < groups.size(); g++)
        document->group[g].first =
            document->group[g - 1].first + document->group[g - 1].count;
    for (fmpnn_group *g = document->group; g != document->group + groups.size(); g++)
        g->count = 0;
    for (size_t a = 0; a < atoms.size(); a++) {
        fmpnn_group &group = document->group[group_of[a]];
        document->atom[group.first + group.count++] = atoms[a];
    }
    fmpnn_document_name_blank(document);
    return document;
}

// ---- PDB

fmpnn_document *read_pdb(const char *name, const char *text, size_t size)
{
    gemmi::Structure st = gemmi::read_pdb_from_memory(text, size, name);
    std::vector<fmpnn_group> groups;
    std::vector<fmpnn_atom> atoms;
    std::vector<size_t> group_of;
    if (st.models.empty())
        throw malformed("no atoms");
    for (const gemmi::Chain &chain : st.models[0].chains)
        for (const gemmi::Residue &residue : chain.residues) {
            fmpnn_group group = {};
            copy_name(group.chain, chain.name, "chain name");
            copy_cut(group.name, residue.name);
            group.number = *residue.seqid.num;
            group.icode = residue.seqid.icode ? residue.seqid.icode : ' ';
            // five-digit numbers run over into the column of the insertion code
            if (std::isdigit(static_cast<unsigned char>(group.icode))) {
                int digit = group.icode - '0';
                group.number = 10 * group.number + (group.number < 0 ? -digit : digit);
                group.icode = ' ';
            }
            group.hetatm = residue.het_flag == 'H';
            if (residue.entity_type == gemmi::EntityType::Polymer)
                group.part = FMPNN_PART_POLYMER;
            else if (residue.entity_type != gemmi::EntityType::Unknown && group.hetatm)
                group.part = FMPNN_PART_OTHER; // an ATOM after TER may well be a chain
            groups.push_back(group);
            for (const gemmi::Atom &source : residue.atoms) {
                fmpnn_atom atom = {};
                copy_cut(atom.name, source.name);
                copy_cut(atom.element, source.element.name());
                atom.altloc = source.altloc ? source.altloc : ' ';
                atom.charge = source.charge;
                atom.occupancy = source.occ;
                atom.b = source.b_iso;
                atom.xyz[0] = source.pos.x;
                atom.xyz[1] = source.pos.y;
                atom.xyz[2] = source.pos.z;
                atoms.push_back(atom);
                group_of.push_back(groups.size() - 1);
            }
        }
    return flatten(groups, atoms, group_of);
}

// ---- mmCIF: only _atom_site is needed, and its rows are read here rather than by gemmi's
// conversion to a structure, which stops at nothing (a coordinate "abc" is NaN, a missing
// column is an empty structure) and which reads a dozen other categories.

class AtomSite
{
  public:
    explicit AtomSite(gemmi::cif::Block &block)
    {
        gemmi::cif::Column x = block.find_values("_atom_site.Cartn_x");
        rows_ = static_cast<size_t>(x.length());
        for (int tag = 0; tag < TAGS; tag++) {
            column_[tag] = block.find_values(std::string("_atom_site.") + tag_name(tag));
            if (static_cast<size_t>(column_[tag].length()) != rows_)
                column_[tag] = gemmi::cif::Column();
        }
        require(X, X, "Cartn_x");
        require(Y, Y, "Cartn_y");
        require(Z, Z, "Cartn_z");
        require(AUTH_CHAIN, CHAIN, "auth_asym_id or label_asym_id");
        require(AUTH_RESIDUE, RESIDUE, "auth_comp_id or label_comp_id");
        require(AUTH_ATOM, ATOM, "auth_atom_id or label_atom_id");
        require(AUTH_NUMBER, NUMBER, "auth_seq_id or label_seq_id");
    }

    enum Tag {
        GROUP,
        ELEMENT,
        ATOM,
        AUTH_ATOM,
        ALTLOC,
        RESIDUE,
        AUTH_RESIDUE,
        CHAIN,
        AUTH_CHAIN,
        NUMBER,
        AUTH_NUMBER,
        ICODE,
        X,
        Y,
        Z,
        OCCUPANCY,
        B,
        CHARGE,
        MODEL,
        TAGS
    };

    size_t rows() const
    {
        return rows_;
    }
    bool has(Tag tag) const
    {
        return column_[tag].item() != nullptr;
    }

    // The value of a row without quotes; "" where the file has none, '.' or '?'.
    std::string text(Tag tag, size_t row)
    {
        return has(tag) ? gemmi::cif::as_string(column_[tag].at(static_cast<int>(row)))
                        : std::string();
    }
    std::string text(Tag first, Tag second, size_t row)
    {
        std::string value = text(first, row);
        return value.empty() ? text(second, row) : value;
    }
    double number(Tag tag, size_t row, double missing)
    {
        std::string value = text(tag, row);
        return value.empty() ? missing : gemmi::cif::as_number(value, missing);
    }

  private:
    static const char *tag_name(int tag)
    {
        static const char *const names[TAGS] = {
            "group_PDB",         "type_symbol",    "label_atom_id",
            "auth_atom_id",      "label_alt_id",   "label_comp_id",
            "auth_comp_id",      "label_asym_id",  "auth_asym_id",
            "label_seq_id",      "auth_seq_id",    "pdbx_PDB_ins_code",
            "Cartn_x",           "Cartn_y",        "Cartn_z",
            "occupancy",         "B_iso_or_equiv", "pdbx_formal_charge",
            "pdbx_PDB_model_num"};
        return names[tag];
    }
    void require(Tag first, Tag second, const char *what) const
    {
        if (!has(first) && !has(second))
            throw malformed(std::string("the _atom_site loop lacks the column ") + what);
    }

    size_t rows_;
    gemmi::cif::Column column_[TAGS];
};

std::string atom_label(const fmpnn_atom &atom, const fmpnn_group &group)
{
    std::string label = std::string("atom ") + atom.name + " of residue " + group.name +
                        " " + group.chain + ":" + std::to_string(group.number);
    if (group.icode != ' ')
        label += group.icode;
    return label;
}

void read_place(AtomSite &site, size_t row, fmpnn_group &group)
{
    typedef AtomSite S;
    std::string number = site.text(S::AUTH_NUMBER, S::NUMBER, row);
    std::string icode = site.text(S::ICODE, row);
    int64_t value = 0;
    copy_name(group.chain, site.text(S::AUTH_CHAIN, S::CHAIN, row), "chain name");
    copy_name(group.name, site.text(S::AUTH_RESIDUE, S::RESIDUE, row), "residue name");
    if (!fmpnn_parse_int(number.c_str(), &value) || value < INT32_MIN / 2 ||
        value > INT32_MAX / 2)
        throw malformed("_atom_site row " + std::to_string(row + 1) +
                        ": auth_seq_id is \"" + number.substr(0, 60) +
                        "\", expected an integer");
    group.number = static_cast<int32_t>(value);
    group.icode = ' ';
    if (!icode.empty()) {
        if (icode.size() != 1 || !std::isalpha(static_cast<unsigned char>(icode[0])))
            throw malformed("_atom_site row " + std::to_string(row + 1) +
                            ": pdbx_PDB_ins_code is \"" + icode.substr(0, 60) +
                            "\", expected one letter");
        group.icode = icode[0];
    }
    group.hetatm = site.text(S::GROUP, row) == "HETATM";
    if (site.has(S::NUMBER))
        group.part =
            site.text(S::NUMBER, row).empty() ? FMPNN_PART_OTHER : FMPNN_PART_POLYMER;
}

void read_atom(AtomSite &site, size_t row, const fmpnn_group &group, fmpnn_atom &atom)
{
    typedef AtomSite S;
    std::string altloc = site.text(S::ALTLOC, row);
    copy_cut(atom.name, site.text(S::AUTH_ATOM, S::ATOM, row));
    std::string element = site.text(S::ELEMENT, row);
    if (element.empty())
        element = fmpnn_element_of_name(atom.name, group.name);
    copy_cut(atom.element, gemmi::Element(element).name());
    atom.altloc = altloc.empty() ? ' ' : altloc[0];
    double charge = site.number(S::CHARGE, row, 0);
    atom.charge = std::fabs(charge) < 10 ? static_cast<int8_t>(charge) : 0;
    atom.occupancy = static_cast<float>(site.number(S::OCCUPANCY, row, 1));
    atom.b = static_cast<float>(site.number(S::B, row, 0));
    for (int k = 0; k < 3; k++) {
        const S::Tag tag = k == 0 ? S::X : k == 1 ? S::Y : S::Z;
        atom.xyz[k] = site.number(tag, row, NAN);
        if (!(std::fabs(atom.xyz[k]) <= FMPNN_COORDINATE_LIMIT))
            throw malformed(atom_label(atom, group) + ": Cartn_" + "xyz"[k] + " is \"" +
                            site.text(tag, row).substr(0, 40) +
                            "\", expected a number within +-100000");
    }
}

bool same_group(const fmpnn_group &a, const fmpnn_group &b)
{
    return a.number == b.number && a.icode == b.icode && !std::strcmp(a.chain, b.chain) &&
           !std::strcmp(a.name, b.name);
}

fmpnn_document *read_cif(const char *name, const char *bytes, size_t size)
{
    typedef std::tuple<std::string, int32_t, char, std::string> Key;
    gemmi::cif::Document file = gemmi::cif::read_memory(bytes, size, name);
    gemmi::cif::Block *block = nullptr;
    for (gemmi::cif::Block &candidate : file.blocks)
        if (!block && candidate.find_mmcif_category("_atom_site.").ok())
            block = &candidate;
    if (!block)
        throw malformed("no _atom_site loop, so no atoms; is this an mmCIF structure?");

    AtomSite site(*block);
    std::vector<fmpnn_group> groups;
    std::vector<fmpnn_atom> atoms;
    std::vector<size_t> group_of;
    std::map<Key, size_t> known;
    std::set<std::string> models;
    std::string first_model;
    size_t current = 0, guessed = 0;
    for (size_t row = 0; row < site.rows(); row++) {
        std::string model = site.text(AtomSite::MODEL, row);
        if (!row)
            first_model = model;
        models.insert(model);
        if (model != first_model)
            continue;
        fmpnn_group group = {};
        fmpnn_atom atom = {};
        read_place(site, row, group);
        read_atom(site, row, group, atom);
        if (groups.empty() || !same_group(groups[current], group)) {
            auto found = known.emplace(
                Key(group.chain, group.number, group.icode, group.name), groups.size());
            current = found.first->second;
            if (found.second)
                groups.push_back(group);
        }
        guessed += site.text(AtomSite::ELEMENT, row).empty();
        atoms.push_back(atom);
        group_of.push_back(current);
    }
    if (atoms.empty())
        throw malformed("the _atom_site loop has no rows");
    // some programs fill label_seq_id with '.' throughout: then it says nothing
    bool polymers = false;
    for (const fmpnn_group &group : groups)
        polymers = polymers || group.part == FMPNN_PART_POLYMER;
    if (!polymers)
        for (fmpnn_group &group : groups)
            group.part = FMPNN_PART_UNKNOWN;
    fmpnn_document *document = flatten(groups, atoms, group_of);
    document->models = models.size();
    document->guessed = guessed;
    return document;
}

// ---- writing

gemmi::Atom make_atom(const char *name, const char *element, const double xyz[3], bool cif)
{
    for (int k = 0; k < 3; k++)
        if (!std::isfinite(xyz[k]))
            throw malformed("a coordinate that is to be written is not a number");
        else if (!cif && !(xyz[k] > -999.9995 && xyz[k] < 9999.9995))
            throw malformed("a coordinate has no room in a PDB file; write mmCIF");
    gemmi::Atom atom;
    atom.name = name;
    atom.element = gemmi::Element(element);
    atom.pos = gemmi::Position(xyz[0], xyz[1], xyz[2]);
    atom.occ = 1.0f;
    return atom;
}

gemmi::Residue make_residue(const char *name, int32_t number, char icode, bool hetatm,
                            bool cif)
{
    gemmi::Residue residue;
    residue.name = name;
    if (!cif && residue.name.size() > 3)
        residue.name.resize(3); // PDB has three columns
    residue.seqid.num = number;
    residue.seqid.icode = icode;
    residue.het_flag = hetatm ? 'H' : 'A';
    return residue;
}

class Writer
{
  public:
    explicit Writer(const fmpnn_shim_output &output) : output_(output), model_("1")
    {
        for (size_t i = 0; i < output.length; i++)
            if (output.atoms ? output.atoms->first[i + 1] > output.atoms->first[i]
                             : output.residue[i].present != 0)
                add_residue(i);
        for (size_t g = 0; g < output.document->group_count; g++)
            if (output.document->group[g].use == FMPNN_USE_HETERO &&
                !fmpnn_name_is_water(output.document->group[g].name))
                add_hetero(output.document->group[g]);
    }

    std::string text()
    {
        decimal_point guard;
        gemmi::Structure st;
        std::ostringstream out;
        out.imbue(std::locale::classic());
        st.name = output_.name;
        st.models.push_back(model_);
        gemmi::setup_entities(st);
        if (!output_.cif) {
            gemmi::PdbWriteOptions options;
            options.seqres_records = options.ssbond_records = false;
            options.link_records = options.cispep_records = false;
            gemmi::write_pdb(st, out, options);
            return without_cell(out.str());
        }
        gemmi::MmcifOutputGroups groups(false);
        groups.atoms = groups.block_name = groups.entry = groups.entity = true;
        groups.entity_poly = groups.struct_asym = groups.group_pdb = true;
        gemmi::cif::write_cif_to_stream(out, gemmi::make_mmcif_document(st, groups));
        return out.str();
    }

  private:
    /* No cell was read, so none is written. gemmi 0.5.3 has no option for that. */
    static std::string without_cell(std::string pdb)
    {
        std::size_t begin = pdb.rfind("CRYST1", 0) ? pdb.find("\nCRYST1") : 0;
        if (begin == std::string::npos)
            return pdb;
        begin += pdb[begin] == '\n';
        std::size_t end = pdb.find('\n', begin);
        return pdb.erase(begin, end == std::string::npos ? end : end - begin + 1);
    }

    gemmi::Chain &chain(const char *name)
    {
        const char *blank = output_.document->blank;
        if (!output_.cif && *blank && !std::strcmp(name, blank))
            name = "";
        if (model_.chains.empty() || model_.chains.back().name != name)
            for (gemmi::Chain &known : model_.chains)
                if (known.name == name)
                    return known;
        if (model_.chains.empty() || model_.chains.back().name != name)
            model_.chains.emplace_back(name);
        return model_.chains.back();
    }

    void add_residue(size_t i)
    {
        static const char *const names[4] = {"N", "CA", "C", "O"};
        static const char *const elements[4] = {"N", "C", "C", "O"};
        const fmpnn_residue &source = output_.residue[i];
        const char *name = output_.residue_name[i];
        gemmi::Chain &into = chain(source.chain);
        gemmi::Residue residue = make_residue(name, source.number, source.icode,
                                              !fmpnn_letter_of_standard(name), output_.cif);
        residue.entity_type = gemmi::EntityType::Polymer;
        residue.label_seq = static_cast<int>(into.residues.size()) + 1;
        for (size_t n = output_.atoms ? output_.atoms->first[i] : 0;
             output_.atoms && n < output_.atoms->first[i + 1]; n++) {
            const float *at = output_.atoms->xyz[n];
            const double xyz[3] = {at[0], at[1], at[2]};
            const char *own = output_.atoms->name[n]; // selenium or H, C, N, O, S
            const char element[3] = {own[0], std::strcmp(own, "SE") ? '\0' : 'E', 0};
            gemmi::Atom atom = make_atom(own, element, xyz, output_.cif);
            atom.b_iso = output_.atoms->bfactor[n];
            residue.atoms.push_back(atom);
        }
        for (int a = 0; !output_.atoms && a < 4; a++) {
            if (!(source.present >> a & 1))
                continue;
            const double xyz[3] = {source.xyz[a][0], source.xyz[a][1], source.xyz[a][2]};
            gemmi::Atom atom = make_atom(names[a], elements[a], xyz, output_.cif);
            atom.b_iso = output_.bfactor[i];
            residue.atoms.push_back(atom);
        }
        into.residues.push_back(residue);
    }

    void add_hetero(const fmpnn_group &group)
    {
        gemmi::Residue residue =
            make_residue(group.name, group.number, group.icode, group.hetatm, output_.cif);
        residue.entity_type = gemmi::EntityType::NonPolymer;
        for (size_t a = group.first; a < group.first + group.count; a++) {
            const fmpnn_atom &source = output_.document->atom[a];
            gemmi::Atom atom =
                make_atom(source.name, source.element, source.xyz, output_.cif);
            atom.altloc = source.altloc == ' ' ? '\0' : source.altloc;
            atom.charge = source.charge;
            atom.occ = source.occupancy;
            atom.b_iso = source.b;
            residue.atoms.push_back(atom);
        }
        chain(group.chain).residues.push_back(residue);
    }

    const fmpnn_shim_output &output_;
    gemmi::Model model_;
};

} // namespace

fmpnn_status fmpnn_shim_read_pdb(const char *name, const char *text, size_t size,
                                 fmpnn_document **document, fmpnn_error *err)
{
    return guarded(name, err, [&] { *document = read_pdb(name, text, size); });
}

fmpnn_status fmpnn_shim_read_cif(const char *name, const char *bytes, size_t size,
                                 fmpnn_document **document, fmpnn_error *err)
{
    return guarded(name, err, [&] { *document = read_cif(name, bytes, size); });
}

char fmpnn_shim_amino_letter(const char *name)
{
    const gemmi::ResidueInfo info = gemmi::find_tabulated_residue(name);
    if (!info.is_amino_acid())
        return 0;
    // lower case: a modified residue, with its parent's letter
    char letter =
        static_cast<char>(std::toupper(static_cast<unsigned char>(info.one_letter_code)));
    return fmpnn_name_of_letter(letter) ? letter : 'X';
}

bool fmpnn_shim_is_polymer(const char *name)
{
    const gemmi::ResidueInfo info = gemmi::find_tabulated_residue(name);
    return info.is_amino_acid() || info.is_nucleic_acid();
}

fmpnn_status fmpnn_shim_write(const fmpnn_shim_output *output, fmpnn_text *text,
                              fmpnn_error *err)
{
    return guarded(output->name, err, [&] {
        std::string bytes = Writer(*output).text();
        fmpnn_text_add(text, bytes.data(), bytes.size());
        if (text->failed)
            throw std::bad_alloc();
    });
}
